#pragma once

// Training: the loop, and how it is shown.

#include "gradus/train/fit.hpp"
#include "gradus/train/progress.hpp"
