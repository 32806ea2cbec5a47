#pragma once

#include <string>
#include <vector>

#include "gradus/error.hpp"
#include "support/catch.hpp"

namespace gradus::test {

/// Bytes that break one rule, and a part of the message that says so.
struct Malformed {
  std::string rule;
  std::string bytes;
  std::string expected;
};

/// Checks that `parse(bytes)` throws an Error that names the reader, the file and the rule.
template <class Parse>
void check_refused(const std::vector<Malformed>& corpus, const std::string& operation,
                   Parse parse) {
  for (const Malformed& bad : corpus) {
    CAPTURE(bad.rule);
    std::string message = "accepted";
    try {
      parse(bad.bytes);
    } catch (const Error& e) {
      message = e.what();
    }
    CHECK_THAT(message, contains("[" + operation + "] f"));
    CHECK_THAT(message, contains(bad.expected));
  }
}

}  // namespace gradus::test
