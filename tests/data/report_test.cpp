#include "gradus/data/report.hpp"

#include <algorithm>

#include "support/catch.hpp"

using namespace gradus;
using gradus::test::contains;

TEST_CASE("a report on data stays short, however many columns and classes are odd") {
  data::DataReport report;
  for (int i = 0; i < 300; ++i) {
    report.constant_columns.push_back("c" + std::to_string(i));
    report.missing.emplace_back("m" + std::to_string(i), i);  // m0 has none
    report.class_counts.emplace_back("k" + std::to_string(i), i ? 1 : 99);
  }
  const std::string text = report.to_string();
  CHECK(std::count(text.begin(), text.end(), '\n') == 24);
  CHECK_THAT(text, contains("\"m10\": 10 missing") && !contains("\"m11\""));
  CHECK_THAT(text, contains("and 289 more columns with missing values"));
  CHECK_THAT(text, contains("\"c9\" is constant") && contains("and 290 more constant columns"));
  CHECK_THAT(text, contains("classes are unbalanced: k0 99, k1 1, ") && contains("k19 1, …"));
  CHECK_THAT(text, contains("299 of 300 classes have a single sample"));
}
