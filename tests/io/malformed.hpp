#pragma once

#include <string>
#include <vector>

#include "gradus/error.hpp"
#include "support/catch.hpp"
#include "support/peak_memory.hpp"

namespace gradus::test {

/// Bytes that break one rule, and a part of the message that says so.
struct Malformed {
  std::string rule;
  std::string bytes;
  std::string expected;
};

/// Checks that `parse(bytes)` throws an Error that names the reader, the file and the rule, and
/// takes little memory to find out.
template <class Parse>
void check_refused(const std::vector<Malformed>& corpus, const std::string& operation,
                   Parse parse) {
  for (const Malformed& bad : corpus) {
    CAPTURE(bad.rule);
    std::string message = "accepted";
    const PeakMemory memory;
    try {
      parse(bad.bytes);
    } catch (const Error& e) {
      message = e.what();
    }
    CHECK(memory.growth().value_or(0) <= bad.bytes.size() + reading_allowance);
    CHECK_THAT(message, contains("[" + operation + "] f"));
    CHECK_THAT(message, contains(bad.expected));
  }
}

}  // namespace gradus::test
