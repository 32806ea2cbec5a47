#pragma once

// Training: the loop, what is recorded of it, and how it is shown.

#include "gradus/train/explain.hpp"
#include "gradus/train/fit.hpp"
#include "gradus/train/progress.hpp"
#include "gradus/train/recorder.hpp"
#include "gradus/train/report.hpp"
