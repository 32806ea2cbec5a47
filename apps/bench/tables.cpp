// Results as Markdown tables.
#include <algorithm>
#include <gradus/error.hpp>

#include "sections.hpp"
#include "svg.hpp"

namespace bench {
namespace {

const std::vector<std::string> kPeers = {"torch", "torch tuned", "libtorch", "libtorch tuned"};

std::vector<std::string> shown_programs(const Results& results, const std::string& section,
                                        int threads = -1) {
  std::vector<std::string> shown;
  for (const char* name :
       {"gradus", "by hand", "torch", "torch tuned", "libtorch", "libtorch tuned"})
    if (results.has({section, name, "", threads})) shown.push_back(name);
  return shown;
}

std::vector<std::string> present_workloads(const Results& results, const std::string& section) {
  auto names = results.items(section);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> head_of(const char* first, const std::vector<std::string>& names,
                                 const std::vector<std::string>& more) {
  std::vector<std::string> head = {first};
  head.insert(head.end(), names.begin(), names.end());
  head.insert(head.end(), more.begin(), more.end());
  return head;
}

std::string steps(const Results& results, int threads) {
  const auto programs = shown_programs(results, "steps", threads);
  if (programs.empty()) return "";
  Table table;
  table.head = head_of("workload", programs, {"gradus / by hand", "best peer / gradus"});
  if (threads > 1) table.head.push_back("1 thread / " + gradus::text_of(threads));
  for (const auto& item : present_workloads(results, "steps")) {
    std::vector<std::string> row = {item};
    for (const auto& program : programs)
      row.push_back(time_text(results.median_of({"steps", program, item, threads})));
    const Query gradus{"steps", "gradus", item, threads}, any{"steps", "", item, threads};
    row.push_back(number_text(results.ratio(any, {"gradus"}, {"steps", "by hand", item, threads})));
    row.push_back(number_text(results.ratio(any, kPeers, gradus)));
    if (threads > 1)
      row.push_back(number_text(results.ratio({"steps", "", item, 1}, {"gradus"}, gradus)));
    table.rows.push_back(row);
  }
  return "### A training step, " + gradus::text_of(threads) +
         (threads > 1 ? " threads\n\n" : " thread\n\n") + table.text() + "\n";
}

/// What the same step gains by capture() and by products in bfloat16.
std::string other_ways(const Results& results) {
  if (!results.has({"steps", "captured"}) && !results.has({"steps", "bfloat16"})) return "";
  Table table;
  table.head = {"workload",           "gradus",
                "captured",           "bfloat16 products",
                "captured / by hand", "gradus / captured",
                "gradus / bfloat16"};
  for (const auto& item : present_workloads(results, "steps")) {
    const Query gradus{"steps", "gradus", item, 1}, captured{"steps", "captured", item, 1},
        bfloat16{"steps", "bfloat16", item, 1}, any{"steps", "", item, 1};
    table.rows.push_back(
        {item, time_text(results.median_of(gradus)), time_text(results.median_of(captured)),
         time_text(results.median_of(bfloat16)),
         number_text(results.ratio(any, {"captured"}, {"steps", "by hand", item, 1})),
         number_text(results.ratio(any, {"gradus"}, captured)),
         number_text(results.ratio(any, {"gradus"}, bfloat16))});
  }
  return "### A captured step, and one with bfloat16 products, 1 thread\n\n" + table.text() + "\n";
}

std::string phases(const Results& results) {
  const auto programs = shown_programs(results, "phases");
  if (programs.empty()) return "";
  Table table;
  table.head = {"workload"};
  for (const auto& program : programs)
    for (const char* what : {" forward", " backward", " backward / forward"})
      table.head.push_back(program + what);
  for (const auto& item : present_workloads(results, "phases")) {
    if (item.find('.') != std::string::npos) continue;
    std::vector<std::string> row = {item};
    for (const auto& program : programs) {
      const Query forward{"phases", program, item}, backward{"phases", program, item + ".backward"};
      row.push_back(time_text(results.median_of(forward)));
      row.push_back(time_text(results.median_of(backward)));
      row.push_back(number_text(results.ratio(backward, {program}, forward)));
    }
    table.rows.push_back(row);
  }
  return "### Forward and backward pass, 1 thread\n\n" + table.text() + "\n";
}

std::string scalars(const Results& results) {
  const auto programs = shown_programs(results, "scalars");
  if (programs.empty()) return "";
  Table table;
  table.head = head_of("operations", programs, {"gradus bytes"});
  for (const long size : results.sizes({"scalars"})) {
    std::vector<std::string> row = {gradus::text_of(size)};
    for (const auto& program : programs)
      row.push_back(time_text(results.median_of({"scalars", program, "", -1, size})));
    row.push_back(number_text(results.median_of({"scalars", "gradus", "", -1, size}, "bytes")));
    table.rows.push_back(row);
  }
  return "### A chain of recorded scalar operations: record, differentiate and free, per "
         "operation\n\n" +
         table.text() + "\n";
}

std::string elementwise(const Results& results) {
  const auto programs = shown_programs(results, "elementwise");
  if (programs.empty()) return "";
  std::string text;
  for (const long size : results.sizes({"elementwise"})) {
    Table table;
    table.head = head_of("operation", programs, {"gradus / by hand", "backward / forward"});
    for (const auto& item : results.items("elementwise")) {
      std::vector<std::string> row = {item};
      for (const auto& program : programs)
        row.push_back(number_text(results.median_of({"elementwise", program, item, -1, size})));
      const Query any{"elementwise", "", item, -1, size};
      row.push_back(
          number_text(results.ratio(any, {"gradus"}, {"elementwise", "by hand", item, -1, size})));
      const auto dot = item.find(".backward");
      row.push_back(dot == std::string::npos
                        ? ""
                        : number_text(results.ratio(any, {"gradus"},
                                                    {"elementwise", "gradus",
                                                     item.substr(0, dot) + ".forward", -1, size})));
      table.rows.push_back(row);
    }
    text += "### Nanoseconds per element at " + gradus::text_of(size) + " elements, 1 thread\n\n" +
            table.text() + "\n";
  }
  return text;
}

std::string chains(const Results& results) {
  if (!results.has({"chains"})) return "";
  Table table;
  table.head = {"elements",          "gradus", "captured", "by hand", "gradus / captured",
                "captured / by hand"};
  for (const long size : results.sizes({"chains"})) {
    std::vector<std::string> row = {gradus::text_of(size)};
    for (const char* program : {"gradus", "captured", "by hand"})
      row.push_back(number_text(results.median_of({"chains", program, "", -1, size})));
    const Query any{"chains", "", "", -1, size}, captured{"chains", "captured", "", -1, size};
    row.push_back(number_text(results.ratio(any, {"gradus"}, captured)));
    row.push_back(
        number_text(results.ratio(any, {"captured"}, {"chains", "by hand", "", -1, size})));
    table.rows.push_back(row);
  }
  return "### A chain, y = w s, z = y sigmoid(1.702 y), the mean of z^2, and its gradient: "
         "nanoseconds per element, 1 thread\n\n" +
         table.text() + "\n";
}

std::string sweep(const Results& results, const std::string& name) {
  const std::string section = "sweep " + name;
  const auto programs = shown_programs(results, section);
  if (programs.empty()) return "";
  Table table;
  table.head = head_of(name.c_str(), programs, {"gradus / by hand", "best peer / gradus"});
  for (const auto& item : results.items(section)) {
    std::vector<std::string> row = {item};
    for (const auto& program : programs)
      row.push_back(time_text(results.median_of({section, program, item})));
    const Query gradus{section, "gradus", item}, any{section, "", item};
    row.push_back(number_text(results.ratio(any, {"gradus"}, {section, "by hand", item})));
    row.push_back(number_text(results.ratio(any, kPeers, gradus)));
    table.rows.push_back(row);
  }
  const std::string nets = name == "batch" ? "64-128-128-10, ReLU, AdamW"
                           : name == "width"
                               ? "two square layers and one to 10, ReLU, batch 32, AdamW"
                               : "layers of 32, tanh, batch 32, AdamW";
  return "### A training step against the " + name + ": " + nets + ", 1 thread\n\n" + table.text() +
         "\n";
}

std::string memory(const Results& results) {
  if (!results.has({"memory"})) return "";
  Table table;
  table.head = {"workload", "page faults a step", "system allocations", "peak / live", "live MiB"};
  for (const auto& item : present_workloads(results, "memory")) {
    const Query query{"memory", "gradus", item};
    table.rows.push_back({item, number_text(results.median_of(query, "page_faults_per_step")),
                          number_text(results.median_of(query, "system_allocations")),
                          number_text(results.median_of(query, "peak_to_live")),
                          number_text(results.median_of(query, "live_mib"))});
  }
  std::string text = "### Memory of a step of gradus, after the second\n\n" + table.text() + "\n";
  for (const Json& record : results.select({"growth"}))
    text += "Resident size of workload " + record["item"].get<std::string>() +
            " after 1,000, 10,000 and 100,000 steps: " +
            number_text(record["resident_mib"][0].get<double>()) + ", " +
            number_text(record["resident_mib"][1].get<double>()) + ", " +
            number_text(record["resident_mib"][2].get<double>()) + " MiB.\n\n";
  return text;
}

std::string threads(const Results& results) {
  if (!results.has({"threads"})) return "";
  Table table;
  table.head = {"workload", "1, 2, 3, 4 and 8 threads", "checksum"};
  for (const auto& item : present_workloads(results, "threads")) {
    std::vector<std::string> sums;
    for (const Json& record : results.select({"threads", "", item}))
      sums.push_back(record["checksum"]);
    const bool equal =
        std::all_of(sums.begin(), sums.end(), [&](const auto& sum) { return sum == sums[0]; });
    table.rows.push_back({item, equal ? "the same bits" : "DIFFERENT BITS", sums[0]});
  }
  return "### Losses and parameters after three steps of gradus\n\n" + table.text() + "\n";
}

}  // namespace

std::string tables(const Results& results) {
  std::string text;
  std::vector<int> counts;
  for (const Json& record : results.select({"steps"})) counts.push_back(record["threads"]);
  std::sort(counts.begin(), counts.end());
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  for (const int count : counts) text += steps(results, count);
  text += other_ways(results) + phases(results) + scalars(results) + elementwise(results) +
          chains(results);
  for (const auto& name : sweep_names()) text += sweep(results, name);
  return text + memory(results) + threads(results);
}

std::string sweep_drawing(const Results& results, const std::string& name) {
  const std::string section = "sweep " + name;
  std::vector<Series> all;
  for (const auto& program : shown_programs(results, section)) {
    Series series{program, {}};
    for (const auto& item : results.items(section))
      if (const auto ns = results.median_of({section, program, item}))
        series.points.emplace_back(std::stod(item), *ns);
    all.push_back(std::move(series));
  }
  return draw("A training step against the " + name + ", one thread", name, all);
}

}  // namespace bench
