// Every output, fed with names that mean harm.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "gradus/gradus.hpp"
#include "gradus/train.hpp"
#include "support/files.hpp"
#include "train/report/page.hpp"
#include "train/save/resume_support.hpp"

using namespace gradus;
using test::count;

namespace {

const std::vector<std::string>& hostile_names() {
  static const std::vector<std::string> names = {
      "\x1b[2J\x1b]0;title\x07",
      "\"quoted\" 'and' \\back\\slash",
      "</script><script>alert(1)</script>",
      "<img src=x onerror=alert(1)>",
      "two\nlines\r\nthree",
      std::string("a\0b", 3),
      "\xe2\x80\xaegpj.exe",
      "\xe2\x80\xa8line\xe2\x80\xa9",
      "=HYPERLINK(\"http://x\")",
      "@sum(A1)",
      "```\n# heading",
      "%%{init: {}}%%",
      "\"]; click n0 href \"javascript:alert(1)\"",
      "a,b;c\td",
      "<!--css-->",
      "größe 名前",
  };
  return names;
}

bool has_control(const std::string& text) {
  for (const char c : text)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f) return true;
  return false;
}

}  // namespace

TEST_CASE("names cannot leave their place in a page, and come back as they were") {
  nn::MLP model({2, 2, 2});
  for (const std::string& name : hostile_names()) {
    CAPTURE(printable(name));
    const std::string html = train::explain_html(
        model, ones({2}), from_vector<std::int64_t>({0}),
        [](const Tensor& y, const Tensor& t) { return cross_entropy(y, t); },
        {.title = name, .loss_name = name, .input_names = {name}, .class_names = {name}});
    CHECK(count(html, "<script") == 2);
    CHECK(count(html, "</script") == 2);
    CHECK(count(html, "<style") == 1);
    CHECK(test::page_data(html)["class_names"][0] == name);
    const std::string report = train::report_html({.title = name,
                                                   .facts = {{name, name}},
                                                   .findings = {{.kind = name, .text = name}},
                                                   .config = {{name, name}},
                                                   .class_names = {name}});
    CHECK(count(report, "<script") == 2);
    CHECK(count(report, "</script") == 2);
    CHECK(test::page_data(report)["title"] == name);
  }
}

TEST_CASE("names cannot leave their labels in DOT and Mermaid") {
  for (const std::string& name : hostile_names()) {
    CAPTURE(printable(name));
    const Tensor x = tensor({1.0, 2.0}).requires_grad_();
    const Tensor y = sum(x);
    const std::string dot = to_dot(y, {.names = {{name, x}}});
    CHECK_FALSE(has_control(dot));
    CHECK(count(dot, "\n") == 6);  // the name has no line of its own
    for (std::size_t at = dot.find("label=\""); at != std::string::npos;
         at = dot.find("label=\"", at + 1)) {
      std::size_t end = at + 7;
      while (dot[end] != '"') end += dot[end] == '\\' ? 2 : 1;
      CHECK(dot.substr(end, 8) == "\", shape");
    }
    const std::string mermaid = to_mermaid(y, {.names = {{name, x}}});
    CHECK_FALSE(has_control(mermaid));
    CHECK(count(mermaid, "\n") == 7);
    CHECK(count(mermaid, "\"") == 4);
    CHECK(count(mermaid, "`") == 0);
    CHECK(count(mermaid, "%%{") == 0);
    CHECK(count(mermaid, "<script") == 0);
  }
}

TEST_CASE("names come back from CSV and JSON as they were") {
  for (const std::string& name : hostile_names()) {
    CAPTURE(printable(name));
    CHECK(nlohmann::json::parse(train::to_json(train::Config{.data = name}))["data"] == name);
    const test::TemporaryFolder folder;
    test::Program program({.what = "", .options = {.epochs = 1}}, 1);
    struct Namer : train::Callback {
      std::string name;
      void on_epoch_end(train::Context& run, train::Epoch& epoch) override {
        epoch.metrics.emplace_back(name, 0.5);
        run.findings.push_back({.kind = "kind", .where = name, .text = name});
      }
    } namer;
    namer.name = name;
    train::CsvLog csv(folder / "log.csv");
    train::JsonLog json(folder / "log.jsonl");
    program.options.callbacks = {&namer, &csv, &json};
    program.fit();
    bool found = false;
    std::istringstream lines(test::read_bytes(folder / "log.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const auto object = nlohmann::json::parse(line);
      found = found || (object["event"] == "finding" && object["text"] == name);
    }
    CHECK(found);
    if (name.find('\0') != std::string::npos) continue;  // no CSV has it
    const io::RawTable table =
        io::read_raw_csv(folder / "log.csv", {.target = "none", .missing = io::Missing::keep});
    CHECK(table.columns.back().name == name);
    const std::string cell = "n,t\n1," + io::csv_field(name) + "\n2,x\n";
    const auto values = io::parse_raw_csv(cell, {.target = "none"}).columns[1].values;
    CHECK(std::count(values.begin(), values.end(), name) == 1);
  }
}
