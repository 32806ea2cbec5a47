#pragma once

// Training: the loop, what it measures, how it is saved, logged, recorded and shown, and what went
// wrong.

#include "gradus/train/checkpoint.hpp"
#include "gradus/train/explain.hpp"
#include "gradus/train/fit.hpp"
#include "gradus/train/lint.hpp"
#include "gradus/train/logs.hpp"
#include "gradus/train/lr_finder.hpp"
#include "gradus/train/metrics.hpp"
#include "gradus/train/monitor.hpp"
#include "gradus/train/progress.hpp"
#include "gradus/train/recorder.hpp"
#include "gradus/train/report.hpp"
#include "gradus/train/tensorboard.hpp"
