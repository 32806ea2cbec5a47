#pragma once

// Modules: parts of networks with parameters.

#include "gradus/nn/activation.hpp"
#include "gradus/nn/container.hpp"
#include "gradus/nn/init.hpp"
#include "gradus/nn/linear.hpp"
#include "gradus/nn/mlp.hpp"
#include "gradus/nn/module.hpp"
#include "gradus/nn/simple.hpp"
