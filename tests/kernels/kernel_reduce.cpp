#include <cmath>
#include <limits>
#include <vector>

#include "gradus/runtime.hpp"
#include "kernels/kernel_support.hpp"
#include "kernels/move/copy.hpp"
#include "kernels/reduce/reduce.hpp"
#include "kernels/rows/rows.hpp"
#include "support/catch.hpp"

using namespace gradus;
using namespace gradus::kernels;
using gradus::test::at;
using gradus::test::largest_error;
using gradus::test::random_values;
using gradus::test::same_bits;
using gradus::test::widen;

namespace {

struct Dims {
  Index outer, axis, inner;
};

const Dims shapes[] = {{1, 1, 1},      {3, 1, 1},     {1, 7, 1},     {5, 17, 1},  {2, 1000, 1},
                       {1, 100003, 1}, {300, 256, 1}, {40, 3000, 1}, {1, 5, 3},   {2, 33, 17},
                       {1, 1000, 300}, {1, 9000, 10}, {70, 40, 30},  {2, 3, 400}, {4, 16, 1}};

// Every reduction as a plain loop in double.
double naive(ReduceOp op, const std::vector<double>& x, const Dims& d, Index o, Index i) {
  const double inf = std::numeric_limits<double>::infinity();
  double r = op == ReduceOp::prod ? 1 : op == ReduceOp::max ? -inf : op == ReduceOp::min ? inf : 0;
  for (Index a = 0; a < d.axis; ++a) {
    const double v = x[at((o * d.axis + a) * d.inner + i)];
    switch (op) {
      case ReduceOp::prod:
        r *= v;
        break;
      case ReduceOp::max:
        r = std::max(r, v);
        break;
      case ReduceOp::min:
        r = std::min(r, v);
        break;
      case ReduceOp::sum_squares:
        r += v * v;
        break;
      case ReduceOp::sum_abs:
        r += std::abs(v);
        break;
      default:
        r += v;
    }
  }
  return op == ReduceOp::mean ? r / static_cast<double>(d.axis) : r;
}

}  // namespace

TEST_CASE("reductions agree with plain loops") {
  for (const Dims& d : shapes) {
    const Index n = d.outer * d.axis * d.inner;
    for (const ReduceOp op : {ReduceOp::sum, ReduceOp::mean, ReduceOp::prod, ReduceOp::max,
                              ReduceOp::min, ReduceOp::sum_squares, ReduceOp::sum_abs}) {
      const std::vector<float> x =
          op == ReduceOp::prod ? random_values(n, 1, 0.99f, 1.01f) : random_values(n, 1);
      const std::vector<double> wide = widen(x);
      std::vector<float> y(at(d.outer * d.inner));
      std::vector<double> y64(y.size()), want;
      for (Index o = 0; o < d.outer; ++o) {
        for (Index i = 0; i < d.inner; ++i) want.push_back(naive(op, wide, d, o, i));
      }
      run(Reduce{op, float32, x.data(), y.data(), {d.outer, d.axis, d.inner}});
      run(Reduce{op, float64, wide.data(), y64.data(), {d.outer, d.axis, d.inner}});
      INFO("operation " << static_cast<int>(op) << " of " << d.outer << " " << d.axis << " "
                        << d.inner);
      CHECK(largest_error(y, want) < (op == ReduceOp::prod ? 1e-4 : 2e-5));
      CHECK(largest_error(y64, want) < 1e-11);
    }
  }
}

TEST_CASE("logarithms of sums of exponentials agree with plain loops") {
  for (const Dims& d : shapes) {
    const std::vector<float> x = random_values(d.outer * d.axis * d.inner, 1);
    const std::vector<double> wide = widen(x);
    std::vector<double> powers = wide, want;
    for (double& v : powers) v = std::exp(v);
    for (Index o = 0; o < d.outer; ++o)
      for (Index i = 0; i < d.inner; ++i)
        want.push_back(std::log(naive(ReduceOp::sum, powers, d, o, i)));
    std::vector<float> y(want.size()), share(want.size());
    std::vector<double> y64(want.size()), share64(want.size());
    run(LogSumExp{float32, x.data(), y.data(), share.data(), {d.outer, d.axis, d.inner}});
    run(LogSumExp{float64, wide.data(), y64.data(), share64.data(), {d.outer, d.axis, d.inner}});
    INFO(d.outer << " " << d.axis << " " << d.inner);
    CHECK(largest_error(y, want) < 2e-5);
    CHECK(largest_error(y64, want) < 1e-11);
  }
}

TEST_CASE("sums over rows agree with plain loops around every border of a block") {
  std::vector<Index> heights = {63, 64, 65, 95, 96, 97, 127, 128, 130, 512, 1031};
  for (Index rows = 1; rows <= 40; ++rows) heights.push_back(rows);
  for (const Index rows : heights) {
    for (const Index cols : {2, 3, 7, 15, 16, 17, 31, 33, 63, 65, 127, 128, 129, 255, 257, 300}) {
      const std::vector<float> x = random_values(rows * cols, 4);
      const std::vector<double> wide = widen(x);
      std::vector<double> want, more, y64(at(cols)), z64(at(cols), 3.);
      for (Index i = 0; i < cols; ++i) {
        want.push_back(naive(ReduceOp::sum, wide, {1, rows, cols}, 0, i));
        more.push_back(want.back() + 6);
      }
      std::vector<float> y(at(cols)), z(at(cols), 3.f);
      run(Reduce{ReduceOp::sum, float32, x.data(), y.data(), {1, rows, cols}});
      run(Reduce{ReduceOp::sum, float64, wide.data(), y64.data(), {1, rows, cols}});
      run(SumRows{float32, x.data(), z.data(), rows, cols, 2});
      run(SumRows{float64, wide.data(), z64.data(), rows, cols, 2});
      INFO(rows << " rows of " << cols);
      CHECK(largest_error(y, want) < 1e-5);
      CHECK(largest_error(y64, want) < 1e-13);
      CHECK(largest_error(z, more) < 1e-5);
      CHECK(largest_error(z64, more) < 1e-13);
    }
  }
}

TEST_CASE("a sum over rows does not depend on the place of its column") {
  for (const Index rows : {5, 40, 64, 100, 1000, 5000})
    for (const Index cols : {2, 7, 16, 40, 100, 256, 300, 1100}) {
      const std::vector<float> column = random_values(rows, 5);
      std::vector<float> x, y(at(cols));
      for (const float value : column) x.insert(x.end(), at(cols), value);
      run(Reduce{ReduceOp::sum, float32, x.data(), y.data(), {1, rows, cols}});
      INFO(rows << " rows of " << cols);
      CHECK(same_bits(y, std::vector<float>(at(cols), y[0])));
    }
}

TEST_CASE("a float32 sum of 2^25 ones is exact") {
  const std::vector<float> ones(std::size_t{1} << 25, 1.f);
  float sum = 0;
  run(Reduce{ReduceOp::sum, float32, ones.data(), &sum, {1, 1 << 25, 1}});
  CHECK(sum == 33554432.f);
  run(Reduce{ReduceOp::sum, float32, ones.data(), &sum, {1, 1 << 25, 1}});
  float columns[2];
  run(Reduce{ReduceOp::sum, float32, ones.data(), columns, {1, 1 << 24, 2}});
  CHECK(columns[0] == 16777216.f);
  run(Reduce{ReduceOp::sum_squares, float32, ones.data(), &sum, {1, 1 << 25, 1}});
  CHECK(sum == 33554432.f);
}

TEST_CASE("sums are the same bits for any number of threads") {
  const int before = num_threads();
  for (const Dims& d : shapes) {
    const std::vector<float> x = random_values(d.outer * d.axis * d.inner, 2);
    std::vector<float> one(at(d.outer * d.inner)), three = one;
    set_num_threads(1);
    run(Reduce{ReduceOp::sum, float32, x.data(), one.data(), {d.outer, d.axis, d.inner}});
    set_num_threads(3);
    run(Reduce{ReduceOp::sum, float32, x.data(), three.data(), {d.outer, d.axis, d.inner}});
    CHECK(same_bits(one, three));
  }
  set_num_threads(before);
}

TEST_CASE("NaN wins in max, min and argmax; empty axes have their neutral value") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Index n : {2, 5, 16, 40, 100, 5000}) {
    for (const Index where : {Index{0}, n / 2, n - 1}) {
      std::vector<float> x(at(n), 1.f);
      x[at(where)] = nan;
      float y = 0;
      std::int64_t index = -1;
      run(Reduce{ReduceOp::max, float32, x.data(), &y, {1, n, 1}});
      CHECK(std::isnan(y));
      run(Reduce{ReduceOp::min, float32, x.data(), &y, {1, n, 1}});
      CHECK(std::isnan(y));
      run(ArgReduce{ArgReduceOp::argmax, float32, x.data(), &index, {1, n, 1}});
      CHECK(index == where);
      x[at(where)] = 3;
      run(ArgReduce{ArgReduceOp::argmax, float32, x.data(), &index, {1, n, 1}});
      CHECK(index == where);
      run(ArgReduce{ArgReduceOp::argmin, float32, x.data(), &index, {1, n, 1}});
      CHECK(index == (where == 0 ? 1 : 0));
    }
  }
  float y = 5;
  const float none = 0;
  run(Reduce{ReduceOp::sum, float32, &none, &y, {1, 0, 1}});
  CHECK(y == 0);
  run(Reduce{ReduceOp::prod, float32, &none, &y, {1, 0, 1}});
  CHECK(y == 1);
  run(Reduce{ReduceOp::mean, float32, &none, &y, {1, 0, 1}});
  CHECK(std::isnan(y));
  float share = 5;
  run(LogSumExp{float32, &none, &y, &share, {1, 0, 1}});
  CHECK(y == -std::numeric_limits<float>::infinity());
  CHECK(share == 1);
}

TEST_CASE("the largest and the smallest are exact around every border, with NaN and infinities") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  for (const Index axis : {1, 2, 15, 16, 17, 31, 33, 129, 1023, 1025})
    for (const Index inner : {1, 3, 16, 17, 65, 257, 300}) {
      std::vector<float> x = random_values(2 * axis * inner, 3);
      for (std::size_t i = 0; i < x.size(); i += 41) x[i] = i % 3 == 0 ? inf : -inf;
      for (std::size_t i = 7; i < x.size(); i += 997) x[i] = nan;
      const std::vector<double> wide = widen(x);
      std::vector<float> y(at(2 * inner));
      std::vector<double> y64(y.size());
      for (const ReduceOp op : {ReduceOp::max, ReduceOp::min}) {
        run(Reduce{op, float32, x.data(), y.data(), {2, axis, inner}});
        run(Reduce{op, float64, wide.data(), y64.data(), {2, axis, inner}});
        bool right = true;
        for (Index i = 0; i < 2 * inner; ++i) {
          double want = naive(op, wide, {2, axis, inner}, i / inner, i % inner);
          for (Index a = 0; a < axis; ++a) {
            const double v = wide[at((i / inner * axis + a) * inner + i % inner)];
            if (std::isnan(v)) want = v;
          }
          const double got = y64[at(i)];
          right = right && (got == want || (std::isnan(got) && std::isnan(want))) &&
                  (std::isnan(got) ? std::isnan(y[at(i)]) : y[at(i)] == static_cast<float>(got));
        }
        INFO("operation " << static_cast<int>(op) << " of " << axis << " " << inner);
        CHECK(right);
      }
    }
}

TEST_CASE("arg_reduce over a middle axis, any and all, integer sums") {
  const float x[] = {1, 5, 4, 2, 4, 9};  // (1, 3, 2): columns 1 4 4 and 5 2 9
  std::int64_t index[2];
  run(ArgReduce{ArgReduceOp::argmax, float32, x, index, {1, 3, 2}});
  CHECK(index[0] == 1);
  CHECK(index[1] == 2);
  const bool flags[] = {true, false, true, true};
  bool r[2];
  run(Reduce{ReduceOp::any, boolean, flags, r, {2, 2, 1}});
  CHECK((r[0] && r[1]));
  run(Reduce{ReduceOp::all, boolean, flags, r, {2, 2, 1}});
  CHECK((!r[0] && r[1]));
  run(Reduce{ReduceOp::all, boolean, flags, r, {1, 2, 2}});
  CHECK((r[0] && !r[1]));
  const std::int64_t big[] = {(std::int64_t{1} << 60) + 1, 2, 3};
  std::int64_t sum = 0;
  run(Reduce{ReduceOp::sum, int64, big, &sum, {1, 3, 1}});
  CHECK(sum == (std::int64_t{1} << 60) + 6);
}

TEST_CASE("scans agree with plain loops, forwards and backwards") {
  const Dims d{2, 50, 3};
  const std::vector<float> x = random_values(300, 3, 0.5f, 1.5f);
  for (const bool reverse : {false, true}) {
    for (const ScanOp op : {ScanOp::cumsum, ScanOp::cumprod, ScanOp::logcumsumexp}) {
      std::vector<float> y(300);
      std::vector<double> want(300);
      run(Scan{op, float32, x.data(), y.data(), {d.outer, d.axis, d.inner}, reverse});
      for (Index o = 0; o < d.outer; ++o) {
        for (Index i = 0; i < d.inner; ++i) {
          double r = op == ScanOp::cumprod ? 1 : 0;
          for (Index a = 0; a < d.axis; ++a) {
            const Index j = (o * d.axis + (reverse ? d.axis - 1 - a : a)) * d.inner + i;
            const double v = static_cast<double>(x[at(j)]);
            r = op == ScanOp::cumprod ? r * v : r + (op == ScanOp::cumsum ? v : std::exp(v));
            want[at(j)] = op == ScanOp::logcumsumexp ? std::log(r) : r;
          }
        }
      }
      CHECK(largest_error(y, want) < 1e-5);
    }
  }
}

TEST_CASE("strided copies agree with indexing") {
  const std::vector<float> x = random_values(60000, 4);
  struct Strided {
    std::vector<Index> dims, strides;
    Index offset;
  };
  const Strided cases[] = {{{3, 4}, {1, 3}, 0},
                           {{200, 300}, {1, 200}, 0},
                           {{5, 7}, {0, 1}, 3},
                           {{5, 7}, {1, 0}, 3},
                           {{1001, 13}, {0, 1}, 3},
                           {{20011, 5}, {0, 1}, 3},
                           {{31, 2500}, {0, 1}, 3},
                           {{2, 50000}, {0, 1}, 3},
                           {{6}, {0}, 9},
                           {{10}, {-1}, 9},
                           {{4, 20, 30}, {600, 1, 20}, 0},
                           {{4, 5, 6, 7}, {1, 4, 20, 120}, 0},
                           {{17, 19}, {40, 2}, 1},
                           {{}, {}, 5},
                           {{0, 3}, {3, 1}, 0},
                           {{300, 100, 2}, {2, 600, 1}, 0}};
  for (const Strided& c : cases) {
    Index n = 1;
    for (const Index v : c.dims) n *= v;
    std::vector<Index> places;
    for (Index i = 0; i < n; ++i) {
      Index rest = i, place = c.offset;
      for (std::size_t k = c.dims.size(); k-- > 0;) {
        place += rest % c.dims[k] * c.strides[k];
        rest /= c.dims[k];
      }
      places.push_back(place);
    }
    std::vector<float> y(at(n)), want;
    for (const Index p : places) want.push_back(x[at(p)]);
    const int rank = static_cast<int>(c.dims.size());
    run_strided<CopyStrided>(float32, x.data() + c.offset, y.data(), rank, c.dims.data(),
                             c.strides.data());
    CHECK(same_bits(y, want));
    std::vector<float> into(60000), sum(60000, 1.f), into_want = into, sum_want = sum;
    for (Index i = 0; i < n; ++i) {
      into_want[at(places[at(i)])] = y[at(i)];
      sum_want[at(places[at(i)])] += y[at(i)];
    }
    run_strided<AddInto>(float32, y.data(), sum.data() + c.offset, rank, c.dims.data(),
                         c.strides.data());
    CHECK(same_bits(sum, sum_want));
    bool expanded = false;
    for (const Index s : c.strides) expanded = expanded || s == 0;
    if (expanded) continue;
    run_strided<CopyInto>(float32, y.data(), into.data() + c.offset, rank, c.dims.data(),
                          c.strides.data());
    CHECK(same_bits(into, into_want));
  }
}

TEST_CASE("gathers and scatters") {
  const float x[] = {1, 2, 3, 4, 5, 6};  // (1, 3, 2)
  const std::int64_t rows[] = {2, 0, 2};
  float y[6], sum[6] = {};
  run(IndexSelect{float32, x, rows, 3, y, {1, 3, 2}});
  CHECK(std::vector<float>(y, y + 6) == std::vector<float>{5, 6, 1, 2, 5, 6});
  run(IndexAdd{float32, y, rows, 3, sum, {1, 3, 2}});
  CHECK(std::vector<float>(sum, sum + 6) == std::vector<float>{1, 2, 0, 0, 10, 12});
  const std::int64_t each[] = {0, 2, 1, 1};
  run(Gather{float32, x, each, 2, y, {1, 3, 2}});
  CHECK(std::vector<float>(y, y + 4) == std::vector<float>{1, 6, 3, 4});
  float spread[6] = {};
  run(ScatterAdd{float32, y, each, 2, spread, {1, 3, 2}});
  CHECK(std::vector<float>(spread, spread + 6) == std::vector<float>{1, 0, 3, 4, 0, 6});
}
