#pragma once

#include "gradus/autograd.hpp"
#include "gradus/data.hpp"
#include "gradus/gradcheck.hpp"
#include "gradus/io.hpp"
#include "gradus/memory.hpp"
#include "gradus/nn.hpp"
#include "gradus/ops.hpp"
#include "gradus/optim.hpp"
#include "gradus/random.hpp"
#include "gradus/tensor.hpp"
#include "gradus/threads.hpp"
