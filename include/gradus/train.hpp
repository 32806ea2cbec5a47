#pragma once

// Training: the loop, what it measures, how it is saved, logged, recorded and shown, what went
// wrong, and how data and models are prepared.

#include "gradus/train/check.hpp"
#include "gradus/train/checkpoint.hpp"
#include "gradus/train/config.hpp"
#include "gradus/train/fit.hpp"
#include "gradus/train/logs.hpp"
#include "gradus/train/lr_finder.hpp"
#include "gradus/train/metrics.hpp"
#include "gradus/train/model_spec.hpp"
#include "gradus/train/monitor.hpp"
#include "gradus/train/pipeline.hpp"
#include "gradus/train/recorder.hpp"
#include "gradus/train/report.hpp"
#include "gradus/train/run.hpp"
#include "gradus/train/run_folder.hpp"
#include "gradus/train/setup.hpp"
#include "gradus/train/source.hpp"
#include "gradus/train/task.hpp"
