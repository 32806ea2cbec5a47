#pragma once

// Every operation on tensors. Shapes broadcast as in NumPy; dtypes are promoted as in PyTorch (bool
// < int64 < float32 < float64; a scalar tensor or a number does not promote within its kind).

#include "gradus/ops/activation.hpp"
#include "gradus/ops/arithmetic.hpp"
#include "gradus/ops/compare.hpp"
#include "gradus/ops/conv.hpp"
#include "gradus/ops/index.hpp"
#include "gradus/ops/linalg.hpp"
#include "gradus/ops/linear_act.hpp"
#include "gradus/ops/loss.hpp"
#include "gradus/ops/nn.hpp"
#include "gradus/ops/pointwise.hpp"
#include "gradus/ops/reduce.hpp"
#include "gradus/ops/scan.hpp"
#include "gradus/ops/shape.hpp"
#include "gradus/ops/sort.hpp"
