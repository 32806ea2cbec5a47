#pragma once

// Catch2 2 and 3 under one name; every test includes this header instead of Catch2's own.

#include <string>

#if GRADUS_CATCH2_MAJOR >= 3
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

namespace gradus::test {

#if GRADUS_CATCH2_MAJOR >= 3
using Catch::Approx;
#else
using Catch::Detail::Approx;
#endif

/// Matches a text that contains `part`: REQUIRE_THROWS_WITH(f(), contains("[matmul]")).
inline auto contains(const std::string& part) {
#if GRADUS_CATCH2_MAJOR >= 3
  return Catch::Matchers::ContainsSubstring(part);
#else
  return Catch::Matchers::Contains(part);
#endif
}

/// Matches a text that is equal to `text`, and shows both if it is not.
inline auto equals(const std::string& text) {
#if GRADUS_CATCH2_MAJOR >= 3
  return Catch::Matchers::Equals(text);
#else
  return Catch::Equals(text);
#endif
}

}  // namespace gradus::test
