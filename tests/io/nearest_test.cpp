#include "gradus/io/nearest.hpp"

#include "support/catch.hpp"

using gradus::io::nearest;

TEST_CASE("the nearest name takes the fewest letters to change, add or leave out") {
  CHECK(nearest("epoch", {"seed", "epochs", "echo"}) == "epochs");
  CHECK(nearest("colour", {"color", "cooler"}) == "color");
  CHECK(nearest("ab", {"ba", "abcd", "b"}) == "b");
  CHECK(nearest("x", {"one", "two"}) == "one");  // the first of those equally near
  CHECK(nearest("", {"long", "ab"}) == "ab");
  CHECK(nearest("anything", {}) == "");
}
