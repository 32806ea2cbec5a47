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

TEST_CASE("numbers too large for float32 are told from those that are not finite") {
  const test::TemporaryFolder folder;
  const Tensor x = from_vector<double>({1, 2, 3, 4, -1e300, 6}, {3, 2});
  const Tensor y = from_vector<double>({1, 1e39, 2}, {3}), good = from_vector<double>({1, 2, 3});
  const auto text = [](const char* what, const char* where) {
    return std::string(what) + " hold 1 value that is too large for float32, the first in " +
           where + "; numbers up to 3.4028235e38 are required; scale them, or compute in float64";
  };
  io::write_npy(folder / "x.npy", x);
  io::write_npy(folder / "y.npy", y);
  io::write_npy(folder / "good.npy", good);
  io::write_npz(folder / "x.npz", {{"x", x}, {"y", good}});
  io::write_npz(folder / "y.npz", {{"x", good}, {"y", y}});
  const std::string inputs = text("the inputs", "sample 2 at place 0 (-1e+300)"),
                    targets = text("the targets", "sample 1 at place 0 (1e+39)");
  CHECK_THROWS_WITH(train::load_source({.data = folder / "x.npy", .labels = folder / "good.npy"}),
                    contains("x.npy: " + inputs));
  CHECK_THROWS_WITH(train::load_source({.data = folder / "good.npy", .labels = folder / "y.npy"}),
                    contains("y.npy: " + targets));
  CHECK_THROWS_WITH(train::load_source({.data = folder / "x.npz"}), contains("x.npz: " + inputs));
  CHECK_THROWS_WITH(train::load_source({.data = folder / "y.npz"}), contains("y.npz: " + targets));
  CHECK(train::load_source({.data = folder / "x.npz", .csv = {.dtype = float64}})
            .arrays.x()
            .to_vector<double>()[4] == -1e300);
}

TEST_CASE("the digits take the task that is set, as other sets do") {
  io::CsvOptions options;
  options.task = io::Task::regression;
  CHECK(train::load_source({.data = "digits", .csv = options}).arrays.y().dtype() == float32);
  const train::Source classes = train::load_source({.data = "digits"});
  CHECK(classes.arrays.y().dtype() == int64);
  CHECK(classes.arrays.class_names.size() == 10);
}
