#pragma once

#include "gradus/autograd.hpp"
#include "gradus/capture.hpp"
#include "gradus/data.hpp"
#include "gradus/debug.hpp"
#include "gradus/functional.hpp"
#include "gradus/io.hpp"
#include "gradus/nn.hpp"
#include "gradus/ops.hpp"
#include "gradus/optim.hpp"
#include "gradus/random.hpp"
#include "gradus/runtime.hpp"
#include "gradus/tensor.hpp"
