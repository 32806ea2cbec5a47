// The pages in a browser, where Chromium is installed.
#include <sys/wait.h>

#include <cmath>
#include <iostream>

#include "gradus/gradus.hpp"
#include "gradus/train.hpp"
#include "support/files.hpp"
#include "train/report/page.hpp"

using namespace gradus;
using test::contains;
using test::equals;

namespace {

/// The page as the browser has it after its scripts ran, with `script` as the last of them; or "",
/// after saying that the test is skipped. What the browser's console says is added at the end.
std::string in_browser(std::string html, const std::string& script) {
  const test::TemporaryFolder folder;
  const std::string page = folder / "page.html", out = folder / "out", log = folder / "log";
  // Charts are drawn with the browser's frames, for which virtual time does not wait.
  html.insert(html.find("<title>"),
              "<script>requestAnimationFrame = (f) => setTimeout(f);"
              "ResizeObserver = class { observe() {} };</script>");
  html.insert(html.rfind("</body>"),
              "<script>const when = (ready, then) => { const look = () => "
              "ready() ? then() : setTimeout(look, 50); look(); };" +
                  script + "</script>");
  test::write_bytes(page, html);
  const std::string command =
      "timeout 60 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
      "--disable-background-networking --disable-component-update --disable-sync "
      "--enable-logging=stderr --virtual-time-budget=10000 --user-data-dir='" +
      (folder / "profile") + "' --dump-dom 'file://" + page + "' >'" + out + "' 2>'" + log + "'";
  const bool installed = std::system("command -v chromium >/dev/null 2>&1") == 0;
  if (!installed || std::system(command.c_str()) != 0) {
    std::cout << "skipped: no chromium that runs is here\n";
    return "";
  }
  std::string said;
  const std::string lines = test::read_bytes(log);
  for (std::size_t at = lines.find("CONSOLE"); at != std::string::npos;
       at = lines.find("CONSOLE", at + 1))
    said += lines.substr(at, lines.find('\n', at) - at) + "\n";
  return test::read_bytes(out) + "\nconsole: " + said;
}

}  // namespace

TEST_CASE("keys and buttons go through the steps of an explaining page in a browser") {
  manual_seed(0);
  nn::MLP model({2, 3, 2}, {.activation = "tanh"});
  const train::Loss loss = [](const Tensor& y, const Tensor& t) { return cross_entropy(y, t); };
  const std::string html =
      train::explain_html(model, ones({2}), from_vector<std::int64_t>({1}), loss,
                          {.loss_name = "cross_entropy", .input_names = {"</script>", "b"}});
  const std::string dom = in_browser(html, R"(
    const seen = [];
    const look = () => seen.push(document.querySelector("output").textContent + ": " +
                                 document.querySelector(".step h2").textContent);
    const press = (key) => { dispatchEvent(new KeyboardEvent("keydown", { key, cancelable: true })); look(); };
    look();
    ["ArrowRight", "PageDown", "End", "ArrowRight", "ArrowLeft", "Home", "ArrowLeft"].forEach(press);
    document.querySelectorAll(".bar button")[2].click();
    look();
    document.title = seen.join(" | ");)");
  if (dom.empty()) {
    SUCCEED();
    return;
  }
  CHECK_THAT(dom, contains("<title>step 0 of 17: The sample | "
                           "step 1 of 17: Forward: fc1, unit 1 of 3 | "
                           "step 4 of 17: Forward: fc2, unit 1 of 2 | step 17 of 17: Done | "
                           "step 17 of 17: Done | "
                           "step 16 of 17: Backward: fc1, unit 3 of 3, its weights | "
                           "step 0 of 17: The sample | step 0 of 17: The sample | "
                           "step 1 of 17: Forward: fc1, unit 1 of 3</title>"));
  CHECK_THAT(dom.substr(dom.rfind("\nconsole: ")), equals("\nconsole: "));
}

TEST_CASE("a browser draws every part of a report, and hostile texts stay texts") {
  const std::string hostile = "</script><img src=x onerror=\"document.title='taken'\">";
  const data::Split parts =
      data::split(data::make_moons({.n = 200, .noise = 0.3}), {.validation = 0.2, .seed = 0});
  manual_seed(0);
  nn::MLP model({2, 8, 2});
  optim::Adam optimizer(model.parameters(), {.lr = 0.01});
  data::DataLoader loader(parts.train, {.batch_size = 16, .shuffle = true, .seed = 0});
  const train::Loss loss = [](const Tensor& y, const Tensor& t) { return cross_entropy(y, t); };
  train::Recorder recorder;
  train::Monitor monitor;
  train::ReportData data{.title = hostile,
                         .findings = {{.kind = "plateau", .where = hostile, .text = hostile}},
                         .recorder = &recorder,
                         .monitor = &monitor,
                         .config = {{hostile, hostile}},
                         .model_table = hostile,
                         .class_names = {hostile, "other"},
                         .input_names = {hostile, "y"}};
  data.lr_curve.lr = {1e-3, 1e-2, 1e-1};
  data.lr_curve.loss = {2, 1, NAN};
  data.history = train::fit(model, loss, optimizer, nullptr, loader, parts.validation,
                            {.epochs = 3, .callbacks = {&monitor, &recorder}})
                     .history;
  data.history[1].train_loss = NAN;
  recorder.judge(model, parts.train, "test");
  const std::string dom = in_browser(train::report_html(data), R"(
    document.documentElement.dataset.headings =
        [...document.querySelectorAll("h2")].map((h) => h.textContent).join(", ");
    const stage = document.querySelector(".stage");
    when(() => document.querySelectorAll("path.line").length === 14, () => {
      stage.dispatchEvent(new KeyboardEvent("keydown", { key: "End", cancelable: true }));
      document.documentElement.dataset.tip = stage.querySelector(".tip b").textContent;
      document.documentElement.dataset.lines = document.querySelectorAll("path.line").length;
      document.documentElement.dataset.bars = document.querySelectorAll("rect.bar-of").length > 0;
      document.documentElement.dataset.layers =
          [...document.querySelectorAll(".layers tbody tr")].map((r) => r.cells[0].textContent).join(" ");
      const shown = () => document.querySelector("[aria-pressed=true]").textContent + ": " +
          [...document.querySelectorAll("section p")].find((p) => p.textContent.includes("part;")).textContent.split(" of ")[0];
      const first = shown();
      document.querySelector(".choice button").click();
      document.documentElement.dataset.parts = first + ", " + shown();
      document.documentElement.dataset.kept =
          [...document.querySelectorAll("output")].map((o) => o.textContent).join(", ");
      document.documentElement.dataset.nothing = document.querySelector("main").innerText.match(/.{0,30}null.{0,30}/) ?? "no null";
    });)");
  if (dom.empty()) {
    SUCCEED();
    return;
  }
  CHECK_THAT(dom, contains("data-headings=\"Findings, How it went, Layers, Learning rate finder, "
                           "Decision boundary, Confusion matrix, Most wrong, Histograms, Model, "
                           "Configuration, Epochs\""));
  CHECK_THAT(dom, contains("data-tip=\"epoch 3\""));
  CHECK_THAT(dom, contains("data-bars=\"true\""));
  CHECK_THAT(dom, contains("data-layers=\"fc1 act1 fc2\""));
  CHECK_THAT(dom, contains("data-parts=\"test: 160 samples, validation: 40 samples\""));
  CHECK_THAT(dom,
             contains("data-kept=\"epoch 3, kept weights (epoch 3), kept weights (epoch 3)\""));
  CHECK_THAT(dom, contains("data-nothing=\"no null\""));
  // Two losses, five metrics, learning rate, two of steps, two layers, one activation, the finder.
  CHECK_THAT(dom, contains("data-lines=\"14\""));
  CHECK(test::count(dom, "could not be drawn") == 1);  // in the script itself
  CHECK(dom.find("<img") == std::string::npos);
  CHECK(dom.find("<title>taken") == std::string::npos);
  CHECK_THAT(dom.substr(dom.rfind("\nconsole: ")), equals("\nconsole: "));
}

TEST_CASE(
    "losses over powers of ten stand on a logarithmic axis, and zeros that were scaled are 0") {
  train::Recorder recorder;
  recorder.steps.begin({"lr", "loss"});
  for (Index i = 1; i <= 40; ++i) recorder.steps.add(i, {0.1, std::pow(0.8, i)});
  recorder.judged = {{.part = "test", .samples = 2}};
  recorder.judged[0].wrong = {{0, 1, 2, 1, {50, 4e-6}}, {1, 1, 3, 2, {1e-6, 30}}};
  recorder.judged[0].truths = {1, 2};
  recorder.judged[0].answers = {1, 3};
  const std::string dom = in_browser(train::report_html({.recorder = &recorder}), R"(
    const chart = () => [...document.querySelectorAll("figure")].find((f) => f.textContent.startsWith("Loss of single steps"));
    when(() => chart()?.querySelector("svg text"), () => {
      const ticks = [...chart().querySelectorAll("svg text")].map((t) => t.textContent);
      document.documentElement.dataset.powers = ["0.1", "0.01", "0.001"].every((t) => ticks.includes(t));
      document.documentElement.dataset.wrong =
          [...document.querySelectorAll("table.lines tbody tr")].map((r) => [...r.cells].slice(4).map((c) => c.textContent).join(" ")).join(", ");
    });)");
  if (dom.empty()) {
    SUCCEED();
    return;
  }
  CHECK_THAT(dom, contains("data-powers=\"true\""));
  CHECK_THAT(dom, contains("data-wrong=\"50 0, 0 30\""));
  CHECK_THAT(dom.substr(dom.rfind("\nconsole: ")), equals("\nconsole: "));
}

TEST_CASE("the errors in an explaining page stand clear of the rings around them") {
  const train::Loss loss = [](const Tensor& y, const Tensor& t) { return cross_entropy(y, t); };
  for (const Index units : {6, 12}) {
    manual_seed(0);
    nn::MLP model({2, units, 2}, {.activation = "tanh"});
    const std::string html = train::explain_html(model, ones({2}), from_vector<std::int64_t>({1}),
                                                 loss, {.loss_name = "cross_entropy"});
    const std::string dom = in_browser(html, R"(
      dispatchEvent(new KeyboardEvent("keydown", { key: "End", cancelable: true }));
      let shown = 0, touching = 0;
      for (const text of document.querySelectorAll("text.slope")) {
        if (!text.textContent) continue;
        ++shown;
        const a = text.getBBox();
        for (const ring of document.querySelectorAll("circle.ring")) {
          const r = Number(ring.getAttribute("r")) + Number(ring.getAttribute("stroke-width")) / 2;
          const x = Number(ring.getAttribute("cx")), y = Number(ring.getAttribute("cy"));
          // The box of a digit is higher than its ink by the room below the line.
          if (Math.abs(x - (a.x + a.width / 2)) < r && a.y + a.height - 3 > y - r && a.y + 3 < y + r) ++touching;
        }
      }
      document.title = shown + " shown, " + touching + " touching";)");
    if (dom.empty()) {
      SUCCEED();
      return;
    }
    CHECK_THAT(dom, contains("<title>" + std::to_string(units + 2) + " shown, 0 touching"));
  }
}
