// What was measured: records as JSON objects, their medians and ratios, a file that collects runs.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace bench {

using Json = nlohmann::json;

double median(std::vector<double> values);

/// Which records: an empty text, or a number below 0, means any.
struct Query {
  std::string section = {}, program = {}, item = {};
  int threads = -1;
  long size = -1;
};

/// {"machine": {...}, "records": [{"section", "program", "item", "threads", "round", "ns": [...],
/// ...}]}
class Results {
 public:
  Results() : data_{{"machine", Json::object()}, {"records", Json::array()}} {}

  /// Reads a saved file; throws a runtime_error that names it if it is not one.
  static Results load(const std::string& path);
  void save(const std::string& path) const;

  Json& machine() { return data_["machine"]; }
  const Json& machine() const { return data_.at("machine"); }
  void add(Json record) { data_["records"].push_back(std::move(record)); }
  /// Takes over what `newer` holds; older records of the same section, item, size and threads go.
  void merge(const Results& newer);

  std::vector<Json> select(const Query& query) const;
  bool has(const Query& query) const { return !select(query).empty(); }
  /// The median of all values under `key`, over all rounds.
  std::optional<double> median_of(const Query& query, const char* key = "ns") const;
  /// Per round the median of `upper` (the smallest among its programs) over the median of `lower`;
  /// the median of the rounds that have both.
  std::optional<double> ratio(const Query& upper, const std::vector<std::string>& programs,
                              const Query& lower) const;
  /// Names in the order of their first appearance.
  std::vector<std::string> items(const std::string& section) const;
  std::vector<long> sizes(const Query& query) const;

 private:
  Json data_;
};

/// "1.23 us"
std::string time_text(std::optional<double> ns);
/// Three significant digits, or "-".
std::string number_text(std::optional<double> value);

struct Table {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
  /// Markdown with columns in line.
  std::string text() const;
};

}  // namespace bench
