#include <limits>

#include "gradus/gradus.hpp"
#include "gradus/io/npy.hpp"
#include "gradus/train.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

using namespace gradus;
using gradus::test::contains;

TEST_CASE("arrays with values that are not finite are refused with their place") {
  const test::TemporaryFolder folder;
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = -1 / 0.0;
  const Tensor good = from_vector<double>({1, 2, 3, 4, 5, 6}, {3, 2});
  const Tensor y = from_vector<Index>({0, 1, 0}, {3});
  io::write_npz(folder / "good.npz", {{"x", good}, {"y", y}});
  CHECK(train::load_source({.data = folder / "good.npz"}).size() == 3);

  io::write_npz(folder / "x.npz",
                {{"x", from_vector<double>({1, 2, 3, nan, inf, 6}, {3, 2})}, {"y", y}});
  CHECK_THROWS_WITH(train::load_source({.data = folder / "x.npz"}),
                    contains("x.npz: the inputs hold 2 values that are not finite, the first in "
                             "sample 1 at place 1; finite numbers are required"));
  io::write_npy(folder / "x.npy", good);
  io::write_npy(folder / "y.npy", from_vector<double>({1, 2, nan}, {3}));
  CHECK_THROWS_WITH(
      train::load_source({.data = folder / "x.npy", .labels = folder / "y.npy"}),
      contains("y.npy: the targets hold 1 value that is not finite, the first in sample 2"));
}
