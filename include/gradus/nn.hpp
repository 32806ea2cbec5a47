#pragma once

// Modules: parts of networks with parameters.

#include "gradus/nn/activation.hpp"
#include "gradus/nn/attention.hpp"
#include "gradus/nn/checkpoint.hpp"
#include "gradus/nn/container.hpp"
#include "gradus/nn/conv.hpp"
#include "gradus/nn/embedding.hpp"
#include "gradus/nn/init.hpp"
#include "gradus/nn/linear.hpp"
#include "gradus/nn/mlp.hpp"
#include "gradus/nn/module.hpp"
#include "gradus/nn/norm.hpp"
#include "gradus/nn/recurrent.hpp"
#include "gradus/nn/simple.hpp"
#include "gradus/nn/summary.hpp"
