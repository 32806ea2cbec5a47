#include "gradus/train/report.hpp"

#include <cmath>
#include <filesystem>

#include "gradus/gradus.hpp"
#include "gradus/train.hpp"
#include "support/files.hpp"
#include "train/report/page.hpp"

using namespace gradus;
using test::contains;
using test::page_data;

namespace {

train::ReportData sample() {
  return {.title = "A run",
          .facts = {{"data", "moons"}},
          .history = {{.epoch = 1, .train_loss = 1.5, .validation_loss = NAN},
                      {.epoch = 2,
                       .train_loss = INFINITY,
                       .validation_loss = 0.25,
                       .metrics = {{"accuracy", 0.5}, {"f1", 0.25}}}},
          .findings = {{.kind = "plateau", .where = "fc1", .epoch = 2, .text = "It stays."}},
          .lr_curve = {.lr = {1e-3, 1e-2}, .loss = {2, 1}, .suggestions = {{"valley", 1e-2}}},
          .config = {{"lr", "0.1"}},
          .model_table = "module"};
}

/// References to anything outside the page.
void check_self_contained(const std::string& html) {
  for (const char* outside : {"http:", "https:", "src=", "@import", "url(", "<link", "<iframe"}) {
    INFO(outside);
    CHECK(html.find(outside) == std::string::npos);
  }
  CHECK(html.find("default-src 'none'") != std::string::npos);
}

}  // namespace

TEST_CASE("a report holds what it was given, and null for numbers that are not finite") {
  const nlohmann::json data = page_data(train::report_html(sample()));
  CHECK(data["title"] == "A run");
  CHECK(data["history"]["epoch"] == nlohmann::json({1, 2}));
  CHECK(data["history"]["train_loss"] == nlohmann::json({1.5, nullptr}));
  CHECK(data["history"]["validation_loss"] == nlohmann::json({nullptr, 0.25}));
  CHECK(data["history"]["metrics"][1]["name"] == "f1");
  CHECK(data["history"]["metrics"][1]["values"] == nlohmann::json({nullptr, 0.25}));
  CHECK(data["findings"][0]["text"] == "It stays.");
  CHECK(data["config"][0] == std::vector<std::string>{"lr", "0.1"});
  CHECK(data["lr_curve"]["suggestions"][0]["lr"] == 0.01);
  CHECK(!data.contains("judged"));
}

TEST_CASE("a report needs no other file and no network") {
  train::ReportData data = sample();
  check_self_contained(train::report_html(data));
}

TEST_CASE("texts of the data cannot leave their place in a report") {
  const std::string hostile = "</script><script>alert(1)</script><!--<script>";
  train::ReportData data = sample();
  const std::string plain = train::report_html(data);
  data.title = data.target_name = data.model_table = hostile;
  data.class_names = data.input_names = {hostile, "\xff\xfe not UTF-8", "<!--js-->"};
  data.facts = data.config = {{hostile, hostile}};
  data.findings[0].text = hostile;
  data.history[1].metrics.emplace_back(hostile, 1);
  const std::string html = train::report_html(data);
  CHECK(test::count(html, "<script") == test::count(plain, "<script"));
  CHECK(test::count(html, "</script") == test::count(plain, "</script"));
  CHECK(test::count(html, "<!--") == test::count(plain, "<!--"));
  const nlohmann::json read = page_data(html);
  CHECK(read["title"] == hostile);
  CHECK(read["class_names"][1] == "\xef\xbf\xbd\xef\xbf\xbd not UTF-8");
}

TEST_CASE("a report of a run shows its layers, surface and answers, and stays small") {
  const data::Split parts =
      data::split(data::make_moons({.n = 300, .noise = 0.1}), {.validation = 0.2, .seed = 0});
  manual_seed(0);
  nn::MLP model({2, 16, 2});
  optim::Adam optimizer(model.parameters(), {.lr = 0.01});
  data::DataLoader loader(parts.train, {.batch_size = 2, .shuffle = true, .seed = 0});
  const train::Loss loss = [](const Tensor& output, const Tensor& target) {
    return cross_entropy(output, target);
  };
  train::Recorder recorder;
  train::ReportData given{.recorder = &recorder};
  given.history = train::fit(model, loss, optimizer, nullptr, loader, parts.validation,
                             {.epochs = 45, .callbacks = {&recorder}})
                      .history;
  const std::string html = train::report_html(given);
  check_self_contained(html);
  CHECK(html.size() < 1'000'000);
  const nlohmann::json data = page_data(html);
  CHECK(data["steps"]["times"].size() <= 1700);
  CHECK(data["gradients"]["columns"].size() == 2);
  CHECK(data["gradients"]["columns"][0]["values"].size() == data["gradients"]["times"].size());
  CHECK(data["histograms"]["weights"]["times"].size() <= 17);
  CHECK(data["surface"]["side"] == 48);
  CHECK(data["surface"]["frames"]["columns"][0]["values"][0].size() == 48 * 48);
  REQUIRE(data["judged"].size() == 1);
  CHECK(data["judged"][0]["part"] == "validation");
  CHECK(data["judged"][0]["confusion"].size() == 4);
  CHECK(data["kept"] == 46);
  CHECK(data["surface"]["frames"]["times"].back() == 46);
  CHECK(!data.contains("layers"));
  CHECK(data["history"]["metrics"][0]["name"] == "accuracy");
}

TEST_CASE("a report shows what the monitor measured of layers and gradients") {
  manual_seed(0);
  nn::MLP model({2, 16, 2});
  optim::Adam optimizer(model.parameters(), {.lr = 0.01});
  data::DataLoader loader(data::make_moons({.n = 64}), {.batch_size = 8, .shuffle = true});
  const train::Loss loss = [](const Tensor& output, const Tensor& target) {
    return cross_entropy(output, target);
  };
  train::Monitor monitor;
  train::ReportData given{.monitor = &monitor};
  given.history = train::fit(model, loss, optimizer, nullptr, loader, {},
                             {.epochs = 50, .callbacks = {&monitor}})
                      .history;
  const nlohmann::json data = page_data(train::report_html(given));
  REQUIRE(data["layers"].size() == 17);  // every third, with the last
  CHECK(data["layers"].back()["epoch"] == 50);
  const train::LayerStats& first = monitor.layers().back().layers.at(0);
  const nlohmann::json& row = data["layers"].back()["rows"][0];
  CHECK(row["name"] == "fc1");
  CHECK(row["parameters"] == 48);
  CHECK(row["grad_norm"].get<double>() == test::Approx(first.grad_norm).epsilon(1e-4));
  CHECK(row["update_ratio"].get<double>() == test::Approx(first.update_ratio).epsilon(1e-4));
  CHECK(row["dead"].is_null());  // no activation
  CHECK(!data["layers"].back()["rows"][1]["dead"].is_null());
  Index counted = 0;
  for (const nlohmann::json& count : data["grad_norms"]["counts"]) counted += count.get<Index>();
  CHECK(counted == 50 * 8);
  CHECK(data["grad_norms"]["steps"] == 50 * 8);
  CHECK(data["grad_norms"]["clip"] == monitor.suggested_clip());
}

TEST_CASE("the curve of the learning rate finder goes into a report with both suggestions") {
  train::LrCurve curve;
  curve.lr = {1e-3, 1e-2};
  curve.loss = {2, 1};
  curve.smoothed = {2, 1.5};
  curve.steepest = 1e-2;
  curve.valley = 1e-3;
  const nlohmann::json data = page_data(train::report_html({.lr_curve = train::rate_sweep(curve)}));
  CHECK(data["lr_curve"]["smoothed"] == nlohmann::json({2, 1.5}));
  CHECK(data["lr_curve"]["suggestions"][0]["name"] == "steepest");
  CHECK(data["lr_curve"]["suggestions"][1]["lr"] == 1e-3);
  train::LrCurve flat;
  flat.reason = "It is flat.";
  CHECK(train::rate_sweep(flat).suggestions.empty());
  CHECK(train::rate_sweep(flat).note == "It is flat.");
}

TEST_CASE("a long history is thinned, with its last epoch") {
  train::ReportData data;
  for (Index i = 1; i <= 100'000; ++i) data.history.push_back({.epoch = i, .train_loss = 1.0 / 3});
  const std::string html = train::report_html(data);
  CHECK(html.size() < 1'000'000);
  const nlohmann::json read = page_data(html);
  CHECK(read["history"]["epoch"].size() <= 4001);
  CHECK(read["history"]["epoch"].back() == 100'000);
  CHECK(read["history"]["train_loss"][0] == 0.33333);
}

TEST_CASE("a report is written as a whole or not at all") {
  const test::TemporaryFolder folder;
  train::write_report(folder / "report.html", sample());
  CHECK(test::read_bytes(folder / "report.html") == train::report_html(sample()));
  train::ReportData bad = sample();
  bad.lr_curve.loss.pop_back();
  CHECK_THROWS_WITH(train::write_report(folder / "report.html", bad),
                    contains("[write_report] a learning rate curve of 2 rates, 1 losses"));
  CHECK(test::read_bytes(folder / "report.html") == train::report_html(sample()));
  CHECK_THROWS_AS(train::write_report(folder / "no/such/folder.html", sample()), Error);
}
