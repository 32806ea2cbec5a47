#pragma once

#include "gradus/optim/adam.hpp"
#include "gradus/optim/clip.hpp"
#include "gradus/optim/optimizer.hpp"
#include "gradus/optim/scheduler.hpp"
#include "gradus/optim/sgd.hpp"
