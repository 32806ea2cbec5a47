#include "kernels/products/gemm.hpp"

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "kernels/elementwise/activation.hpp"
#include "kernels/pieces.hpp"
#include "kernels/products/blas.hpp"
#include "kernels/products/gemm_bf16.hpp"
#include "kernels/products/gemm_kernel.hpp"
#include "kernels/products/gemm_small.hpp"
#include "kernels/products/linear_small.hpp"
#include "kernels/products/zeros.hpp"

namespace gradus::kernels {
namespace {

// Whether OpenBLAS has kernels as wide as our batches for this processor: an older OpenBLAS does
// not know a newer processor and falls back to code several times slower. It runs with one thread,
// since the team runs the tiles and a BLAS with threads of its own would fight with it.
bool blas_is_fast() {
  static const bool fast = [] {
    if (!blas_is_reentrant()) return false;  // tiles call it side by side
    openblas_set_num_threads(1);
    if (openblas_get_num_threads() != 1) return false;
    if (lanes<float> <= 4) return true;
    const std::string_view core = openblas_get_corename();
    const bool avx512 = core == "SkylakeX" || core == "Cooperlake" || core == "Sapphirerapids";
    return avx512 || (lanes<float> == 8 && (core == "Haswell" || core == "Zen"));
  }();
  return fast;
}

template <class T>
void blas_gemm(const Gemm& g) noexcept {
  const auto transposed = [](bool is) { return is ? CblasTrans : CblasNoTrans; };
  const auto size = [](Index n) { return static_cast<blasint>(n); };
  form_for<T>(cblas_sgemm, cblas_dgemm)(CblasRowMajor, transposed(g.transpose_a),
                                        transposed(g.transpose_b), size(g.m), size(g.n), size(g.k),
                                        T(1), g.a, size(g.lda), g.b, size(g.ldb),
                                        static_cast<T>(g.beta), g.c, size(g.ldc));
}

// c = beta c without reading c when beta is 0.
template <class T>
void scale(const Gemm& g) noexcept {
  T* const c = g.c;
  const T beta = static_cast<T>(g.beta);
  for (Index i = 0; i < g.m; ++i)
    for (Index j = 0; j < g.n; ++j)
      c[i * g.ldc + j] = beta == T(0) ? T(0) : beta * c[i * g.ldc + j];
}

/// Of products up to this, none is split, and none is in bfloat16.
constexpr Index small_work = 1 << 15;

template <class T>
void product(const Gemm& g) {
  if (g.k == 0) return scale<T>(g);
  if (small_gemm<T>(g)) return;
  if (g.m * g.n * g.k > small_work && blas_is_fast()) {
    const BlasScratch scratch;
    return blas_gemm<T>(g);
  }
  const View<T> a{g.a, g.transpose_a ? 1 : g.lda, g.transpose_a ? g.lda : 1},
      b{g.b, g.transpose_b ? 1 : g.ldb, g.transpose_b ? g.ldb : 1};
  simd_gemm<T>(g.m, g.n, g.k, a, b, static_cast<T>(g.beta), g.c, g.ldc);
}

struct Tiles {
  Index rows, cols;    // of one tile
  Index down, across;  // how many
};

// A grid of tiles that depends on the shape alone: none below about 5 us, wide enough for the
// kernel, and high enough that packing the columns again for each is cheap. A transposed b is
// packed in any case: whole columns then, where they are enough tiles.
Tiles split(const Gemm& g) noexcept {
  const Index m = g.m, n = g.n, k = g.k;
  const bool tb = g.transpose_b;
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  if (work < 3e5) return {m, n, 1, 1};
  const double count = std::clamp(work / 4e5, 2., 32.);
  Index down = 1, across = 1;
  while (static_cast<double>(down * across) < count) {
    const Index height = m / down, width = n / across;
    if (tb && down == 1 && height <= 512 && width >= 128) {
      across *= 2;
    } else if (tb && down == 1 && height <= 512 && across >= 8) {
      break;
    } else if (height >= 2 * width && height >= 192) {
      down *= 2;
    } else if (width >= 128) {
      across *= 2;
    } else if (height >= 96) {
      down *= 2;
    } else {
      break;
    }
  }
  const auto part = [](Index size, Index parts, Index unit) {
    const Index each = (size + parts - 1) / parts;
    return (each + unit - 1) / unit * unit;
  };
  const Index rows = down == 1 ? m : part(m, down, 48),
              cols = across == 1 ? n : part(n, across, 64);
  return {rows, cols, (m + rows - 1) / rows, (n + cols - 1) / cols};
}

/// f(i, j, part) for the tiles of a product, which begin in row i and column j of c.
template <class F>
void each_tile(const Gemm& g, F f) {
  const Tiles tiles = split(g);
  const auto tile = [&](Index t) {
    const Index i = t / tiles.across * tiles.rows, j = t % tiles.across * tiles.cols;
    Gemm part = g;
    part.m = std::min(tiles.rows, g.m - i);
    part.n = std::min(tiles.cols, g.n - j);
    part.a = g.a.plus(g.transpose_a ? i : i * g.lda, g.type);
    part.b = g.b.plus(g.transpose_b ? j * g.ldb : j, g.type);
    part.c = g.c.plus(i * g.ldc + j, g.type);
    f(i, j, part);
  };
  const Index count = tiles.down * tiles.across;
  if (count == 1) return tile(0);
  parallel_for(count, tile);
}

template <class T>
void run(const Gemm& g) {
  if (g.m == 0 || g.n == 0) return;
  if (g.m * g.n * g.k <= small_work) return product<T>(g);
  if constexpr (std::is_same_v<T, float>)
    if (prefers_bf16(g.m, g.n, g.k)) return gemm_bf16(g);
  each_tile(g, [](Index, Index, const Gemm& part) { product<T>(part); });
}

template <class T>
void run(const GemmBatched& g) {
  if (g.m == 0 || g.n == 0) return;
  const double work =
      static_cast<double>(g.m) * static_cast<double>(g.n) * static_cast<double>(g.k);
  if (work > 4e6) {
    for (Index i = 0; i < g.batch; ++i) run<T>(g.at(i));
    return;
  }
  const auto some = [&](Index first, Index last) {
    for (Index i = first; i < last; ++i) product<T>(g.at(i));
  };
  if (work * static_cast<double>(g.batch) < 1.5e5) return some(0, g.batch);
  in_groups(g.batch, static_cast<Index>(4e5 / (work + 1)) + 1, some);
}

constexpr Index short_row = 48;

// One row of the epilogue: z + bias, then the activation, while the row is in cache.
template <class F>
void finish_row(const float* bias, float* out, float* pre, Index n, F f) noexcept {
  constexpr Index w = lanes<float>;
  for (Index j = 0; j < n; j += w) {
    const Index cols = n - j < w ? n - j : w;
    Batch<float> z = load_columns(out + j, cols);
    if (bias != nullptr) z = z + load_columns(bias + j, cols);
    if (pre != nullptr) store_columns(pre + j, z, cols);
    store_columns(out + j, f(z), cols);
  }
}

void epilogue(Activation act, const float* bias, float* out, float* pre, Index rows, Index n,
              Index ld) noexcept {
  using V = Batch<float>;
  const auto each = [=](auto f) {
    if (n >= short_row || ld != n) {
      for (Index i = 0; i < rows; ++i) {
        finish_row(bias, out + i * ld, pre == nullptr ? nullptr : pre + i * ld, n, f);
      }
      return;
    }
    // Short rows go several at once, under as many copies of the bias.
    constexpr Index copies = 16;
    float repeated[copies * short_row];
    const Index group = rows < copies ? rows : copies;
    if (bias != nullptr) {
      for (Index i = 0; i < group * n; ++i) repeated[i] = i < n ? bias[i] : repeated[i - n];
    }
    for (Index i = 0; i < rows; i += group) {
      finish_row(bias == nullptr ? nullptr : repeated, out + i * n,
                 pre == nullptr ? nullptr : pre + i * n, (rows - i < group ? rows - i : group) * n,
                 f);
    }
  };
  visit(act, [&]<class Act>(Act) { each([](V z) { return Act::value(z); }); });
}

void epilogue(Activation act, const double* bias, double* out, double* pre, Index rows, Index n,
              Index ld) noexcept {
  visit(act, [=]<class Act>(Act) {
    for (Index i = 0; i < rows; ++i) {
      for (Index j = 0; j < n; ++j) {
        const double z = out[i * ld + j] + (bias == nullptr ? 0 : bias[j]);
        if (pre != nullptr) pre[i * ld + j] = z;
        out[i * ld + j] = Act::value(z);
      }
    }
  });
}

template <class T>
void run(const Linear& call) {
  const Index m = call.m, n = call.n, k = call.k;
  if (m == 0 || n == 0) return;
  if (is_small_linear(call.type, m, n, k)) return small_linear(call);
  const T* const offset = call.bias;
  T *const result = call.out, *const before = call.pre;
  const Activation act = call.act;
  const bool finishes = act != Activation::none || offset != nullptr || before != nullptr;
  const auto finish = [&](Index i, Index j, Index rows, Index cols) {
    epilogue(act, offset == nullptr ? nullptr : offset + j, result + i * n + j,
             before == nullptr ? nullptr : before + i * n + j, rows, cols, n);
  };
  const Gemm g{call.type, false, true, m, n, k, call.x, k, call.w, k, 0, call.out, n};
  if (m * n * k <= small_work) {
    product<T>(g);
    if (finishes) finish(0, 0, m, n);
    return;
  }
  if constexpr (std::is_same_v<T, float>)
    if (prefers_bf16(m, n, k)) {
      gemm_bf16(g);
      if (finishes)
        in_groups(m, 16384 / n + 1, [&](Index i, Index end) { finish(i, 0, end - i, n); });
      return;
    }
  each_tile(g, [&](Index i, Index j, const Gemm& part) {
    product<T>(part);
    if (finishes) finish(i, j, part.m, part.n);
  });
}

}  // namespace

void plain_gemm(const Gemm& call) {
  with_floating(call.type, [&]<class T>(T) { run<T>(call); });
}

void execute(const Gemm& call) { call.zeros == Zeros::none ? plain_gemm(call) : zero_gemm(call); }

void execute(const GemmBatched& call) {
  with_floating(call.type, [&]<class T>(T) { run<T>(call); });
  if (call.zeros != Zeros::none) mend(call);
}

void execute(const Linear& call) {
  with_floating(call.type, [&]<class T>(T) { run<T>(call); });
}

Gemm GemmBatched::at(Index i) const {
  const In x = a.plus(i * step_a, type), y = b.plus(i * step_b, type);
  const Index lda = transpose_a ? m : k, ldb = transpose_b ? k : n;
  return {type, transpose_a, transpose_b, m, n, k, x, lda, y, ldb, 0, c.plus(i * step_c, type),
          n,    zeros};
}

namespace {
/// The elements of a (rows, cols) matrix of which rows are ld apart.
Index span_of(Index rows, Index cols, Index ld) {
  return rows == 0 || cols == 0 ? 0 : (rows - 1) * ld + cols;
}
}  // namespace

void Gemm::describe(Description& d) const {
  d.number("m", m).number("n", n).number("k", k).number("beta", beta).number("zeros", zeros);
  d.reads("a", a, transpose_a ? span_of(k, m, lda) : span_of(m, k, lda));
  d.reads("b", b, transpose_b ? span_of(n, k, ldb) : span_of(k, n, ldb));
  // Between rows that are further apart than they are long, the rest of c stays.
  d.result("c", c, span_of(m, n, ldc), beta != 0 || ldc != n);
}

void GemmBatched::describe(Description& d) const {
  d.number("batch", batch).number("m", m).number("n", n).number("k", k).number("zeros", zeros);
  if (batch == 0) return;
  d.reads("a", a, (batch - 1) * step_a + m * k).reads("b", b, (batch - 1) * step_b + k * n);
  d.result("c", c, (batch - 1) * step_c + m * n, step_c != m * n);
}

}  // namespace gradus::kernels
