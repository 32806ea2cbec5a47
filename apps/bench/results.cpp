#include "results.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <gradus/io/file.hpp>
#include <map>
#include <stdexcept>

namespace bench {

double median(std::vector<double> values) {
  if (values.empty()) throw std::runtime_error("median of nothing");
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

Results Results::load(const std::string& path) {
  const std::string bytes = gradus::io::read_file(path);
  Results results;
  results.data_ = Json::parse(bytes, nullptr, false);
  const Json& data = results.data_;
  const auto is_record = [](const Json& record) {
    return record.is_object() && record.contains("section") && record.contains("item") &&
           record.contains("program") && record.contains("threads") && record.contains("round");
  };
  if (!data.is_object() || !data.contains("machine") || !data.contains("records") ||
      !data["records"].is_array() ||
      !std::all_of(data["records"].begin(), data["records"].end(), is_record))
    throw std::runtime_error(
        path +
        " does not hold results of ./dev bench; remove it, or name another file with --json");
  return results;
}

void Results::save(const std::string& path) const {
  std::string text = "{\"machine\": " + data_["machine"].dump() + ",\n\"records\": [\n";
  const Json& records = data_["records"];
  for (std::size_t i = 0; i < records.size(); ++i)
    text += records[i].dump() + (i + 1 < records.size() ? ",\n" : "\n");
  gradus::io::write_file_atomically(path, text + "]}\n");
}

void Results::merge(const Results& newer) {
  data_["machine"].update(newer.machine());
  const auto key = [](const Json& record) {
    return Json::array(
               {record["section"], record["item"], record["threads"], record.value("size", 0.0)})
        .dump();
  };
  std::map<std::string, bool> replaced;
  for (const Json& record : newer.data_["records"]) replaced[key(record)] = true;
  Json kept = Json::array();
  for (const Json& record : data_["records"])
    if (!replaced.count(key(record))) kept.push_back(record);
  for (const Json& record : newer.data_["records"]) kept.push_back(record);
  data_["records"] = std::move(kept);
}

std::vector<Json> Results::select(const Query& query) const {
  std::vector<Json> found;
  for (const Json& record : data_["records"]) {
    const auto matches = [&](const char* key, const std::string& wanted) {
      return wanted.empty() || record[key] == wanted;
    };
    if (matches("section", query.section) && matches("program", query.program) &&
        matches("item", query.item) && (query.threads < 0 || record["threads"] == query.threads) &&
        (query.size < 0 || record.value("size", -1.0) == static_cast<double>(query.size)))
      found.push_back(record);
  }
  return found;
}

std::optional<double> Results::median_of(const Query& query, const char* key) const {
  std::vector<double> all;
  for (const Json& record : select(query)) {
    if (!record.contains(key)) continue;
    if (record[key].is_number())
      all.push_back(record[key]);
    else
      for (const double value : record[key]) all.push_back(value);
  }
  if (all.empty()) return std::nullopt;
  return median(all);
}

std::optional<double> Results::ratio(const Query& upper, const std::vector<std::string>& programs,
                                     const Query& lower) const {
  std::map<int, double> numerators;
  for (const auto& program : programs) {
    Query one = upper;
    one.program = program;
    for (const Json& record : select(one)) {
      const double value = median(record["ns"]);
      const int round = record["round"];
      const auto [place, fresh] = numerators.emplace(round, value);
      if (!fresh) place->second = std::min(place->second, value);
    }
  }
  std::vector<double> ratios;
  for (const Json& record : select(lower)) {
    const auto numerator = numerators.find(record["round"]);
    if (numerator != numerators.end()) ratios.push_back(numerator->second / median(record["ns"]));
  }
  if (ratios.empty()) return std::nullopt;
  return median(ratios);
}

std::vector<std::string> Results::items(const std::string& section) const {
  std::vector<std::string> names;
  for (const Json& record : data_["records"]) {
    const std::string item = record["item"];
    if (record["section"] == section && std::find(names.begin(), names.end(), item) == names.end())
      names.push_back(item);
  }
  return names;
}

std::vector<long> Results::sizes(const Query& query) const {
  std::vector<long> found;
  for (const Json& record : select(query))
    if (record.contains("size")) found.push_back(static_cast<long>(record["size"].get<double>()));
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

std::string number_text(std::optional<double> value) {
  if (!value) return "-";
  char text[32];
  std::snprintf(text, sizeof text, *value >= 99.95 ? "%.0f" : "%.3g", *value);
  return text;
}

std::string time_text(std::optional<double> ns) {
  if (!ns) return "-";
  if (*ns >= 1e6) return number_text(*ns / 1e6) + " ms";
  if (*ns >= 1e3) return number_text(*ns / 1e3) + " us";
  return number_text(*ns) + " ns";
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const auto& cell : head) widths.push_back(cell.size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text = "|";
    for (std::size_t i = 0; i < cells.size(); ++i)
      text += " " + cells[i] + std::string(widths[i] - cells[i].size(), ' ') + " |";
    return text + "\n";
  };
  std::string text = line(head) + "|";
  for (const std::size_t width : widths) text += std::string(width + 2, '-') + "|";
  text += "\n";
  for (const auto& row : rows) text += line(row);
  return text;
}

}  // namespace bench
