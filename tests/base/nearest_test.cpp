#include "gradus/error.hpp"
#include "support/catch.hpp"

using gradus::nearest_name;

TEST_CASE("the nearest name takes the fewest letters to change, add or leave out") {
  CHECK(nearest_name("epoch", {"seed", "epochs", "echo"}) == "epochs");
  CHECK(nearest_name("colour", {"color", "cooler"}) == "color");
  CHECK(nearest_name("ab", {"ba", "abcd", "b"}) == "b");
  CHECK(nearest_name("x", {"one", "two"}) == "one");  // the first of those equally near
  CHECK(nearest_name("", {"long", "ab"}) == "ab");
  CHECK(nearest_name("anything", {}) == "");
}
