#pragma once

// Optimizers, learning-rate schedules, gradient clipping, penalties and averages of weights.

#include "gradus/optim/adam.hpp"
#include "gradus/optim/adaptive.hpp"
#include "gradus/optim/clip.hpp"
#include "gradus/optim/ema.hpp"
#include "gradus/optim/lbfgs.hpp"
#include "gradus/optim/muon.hpp"
#include "gradus/optim/optimizer.hpp"
#include "gradus/optim/regularize.hpp"
#include "gradus/optim/scheduler.hpp"
#include "gradus/optim/sgd.hpp"
