// All kinds of calls, and the table of their kernels that each instruction set has.
#pragma once
#include "kernels/elementwise/check.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/elementwise/pointwise_loss.hpp"
#include "kernels/elementwise/random.hpp"
#include "kernels/move/copy.hpp"
#include "kernels/products/conv.hpp"
#include "kernels/products/decompositions.hpp"
#include "kernels/products/gemm.hpp"
#include "kernels/products/lapack.hpp"
#include "kernels/products/linear_small.hpp"
#include "kernels/reduce/reduce.hpp"
#include "kernels/reduce/sort.hpp"
#include "kernels/rows/rows.hpp"

namespace gradus::kernels {

template <class... Calls>
struct CallList {
  static constexpr std::size_t size = sizeof...(Calls);
};
using AllCalls =
    CallList<AddInto, Arange, ArgReduce, Average, AverageBackward, BatchNorm, BatchNormBackward,
             Cast, Check, CheckIndices, CheckLabels, Cholesky, Compare, Convolve, ConvolveInput,
             ConvolveWeight, Copy, CopyInto, CopyStrided, CrossEntropy, Dropout, Eigh, Fill, Gather,
             Gemm, GemmBatched, IndexAdd, IndexSelect, Linear, LinearScan, Linspace, LogSumExp,
             Lstsq, Lu, LuSolve, Map, MaxPositions, OneHot, PointwiseLoss, PointwiseLossBackward,
             Qr, Random, RandomIntegers, Reduce, RootOfSums, RowNorm, RowNormBackward, ScaleAll,
             ScaleRows, Scan, ScatterAdd, SelectPosition, SmallLinearBackward, SoftTargets, Softmax,
             SoftmaxBackward, SortPositions, Spread, SpreadBackward, SumOfWeights, SumRows, Svd,
             Test, Triangle, TriangularSolve, Where, Zip, Zip3>;

/// execute() of each kind, in the order of AllCalls.
struct Table {
  void (*execute[AllCalls::size])(const void* call);
};

template <class... Calls>
constexpr Table table_of(CallList<Calls...>) {
  return {{[](const void* call) { execute(*static_cast<const Calls*>(call)); }...}};
}

}  // namespace gradus::kernels
