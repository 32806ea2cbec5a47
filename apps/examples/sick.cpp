// Networks that are sick on purpose, and the first thing that lint and the monitor find in each:
// the cause. `--verbose` shows all findings as sentences, a case's name runs it alone, `--no-lint`
// shows what the run by itself tells, `--healthy` does the same with networks that are well: no
// alarm.
// `--data FOLDER` takes iris.csv, wine_data.csv and breast_cancer.csv (as in scikit-learn) from
// there; without them an imitation stands for wine, and the healthy runs are fewer.
//
//   $ build/release/bin/examples/sick
//   lr_high        learning rate 100 times too high       learning_rate_high
//   lr_low         learning rate 1000 times too low       learning_rate_low
//   deep_sigmoids  20 sigmoid layers                      deep_sigmoids
//   dead_relu      ReLU with biases of -5                 dead_units
//   unscaled       features of different scale (wine)     inputs_not_scaled
//   random_labels  labels unrelated to the inputs         no_signal
//   few_rows       40 rows for two layers of 1024 units   overfitting
//   saturated      squared error on a saturated sigmoid   squared_error_on_sigmoid
//   linear         a deep network without activations     linear_after_linear
//   the first finding names the cause in 9 of 9
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <gradus/gradus.hpp>
#include <gradus/train.hpp>
#include <string>
#include <vector>

using namespace gradus;

namespace {

/// What `train` does unless told otherwise.
struct Run {
  data::TensorDataset data;
  std::vector<Index> hidden = {256, 256};
  std::string activation = "relu", loss = "cross_entropy", optimizer = "adamw";
  double lr = 2e-3, weight_decay = 0.05, dropout = 0.3, label_smoothing = 0.1, clip_norm = 1;
  double validation = 0.1, test = 0.2;
  Index epochs = 40, batch_size = 32;
  std::uint64_t seed = 0;
  bool scale = true, one_hot = false, sigmoid_output = false;
  std::function<void(nn::Sequential&)> spoil = {};  ///< the model, before training
};

struct Outcome {
  std::vector<train::Finding> findings;
  double accuracy = 0, seconds = 0;
};

nn::Sequential build(const Run& r, Index inputs, Index outputs) {
  std::vector<Index> sizes = {inputs};
  sizes.insert(sizes.end(), r.hidden.begin(), r.hidden.end());
  sizes.push_back(outputs);
  nn::Sequential model = nn::MLP(sizes, {.activation = r.activation, .dropout = r.dropout});
  if (r.sigmoid_output) model.append("out", nn::Sigmoid());
  if (r.spoil) r.spoil(model);
  return model;
}

Outcome diagnose(const Run& r, bool with_lint) {
  const auto start = std::chrono::steady_clock::now();
  manual_seed(r.seed);
  data::Split parts =
      data::split(r.data, {.validation = r.validation, .test = r.test, .seed = r.seed});
  const Index classes = max(r.data.y()).item<Index>() + 1;
  data::StandardScaler scaler;
  scaler.fit(parts.train.x());
  for (data::TensorDataset* part : {&parts.train, &parts.validation, &parts.test})
    if (!part->empty())
      *part = data::TensorDataset(r.scale ? scaler.transform(part->x()) : part->x(),
                                  r.one_hot ? one_hot(part->y(), classes).to(float32) : part->y());
  nn::Sequential model = build(r, parts.train.x().size(1), classes);
  const auto optimizer = optim::make_optimizer(r.optimizer, model.parameters(),
                                               {{"lr", r.lr}, {"weight_decay", r.weight_decay}});
  data::DataLoader loader(parts.train,
                          {.batch_size = r.batch_size, .shuffle = true, .seed = r.seed});
  const Index steps = loader.size() * r.epochs;
  optim::Scheduler scheduler(*optimizer, optim::WarmupCosine{.warmup = steps / 20, .total = steps});
  const train::Loss loss = [&](const Tensor& output, const Tensor& target) {
    return r.loss == "mse" ? mse_loss(output, target)
                           : cross_entropy(output, target, {.label_smoothing = r.label_smoothing});
  };
  Outcome outcome;
  if (with_lint)
    outcome.findings = train::lint(model, {.loss = r.loss,
                                           .optimizer = optimizer.get(),
                                           .scheduler = &scheduler,
                                           .loader = &loader,
                                           .epochs = r.epochs});
  train::Monitor monitor({.lint = with_lint});
  try {
    train::fit(model, loss, *optimizer, &scheduler, loader, parts.validation,
               {.epochs = r.epochs,
                .clip_norm = r.clip_norm,
                .callbacks = {&monitor},
                .findings = &outcome.findings});
  } catch (const Error&) {  // a loss that is not finite ends the run
  }
  if (!parts.test.empty()) outcome.accuracy = train::evaluate(model, loss, parts.test).accuracy;
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return outcome;
}

// ------------------------------------------------------------------ data

std::string folder;

data::TensorDataset table(const char* name) { return io::read_csv(folder + "/" + name).dataset(); }
bool have(const char* name) {
  return !folder.empty() && std::filesystem::exists(folder + "/" + name);
}

/// Wine if it is there, else clouds of which one feature is measured in another unit.
data::TensorDataset unscaled() {
  if (have("wine_data.csv")) return table("wine_data.csv");
  const auto blobs = data::make_blobs({.n = 178, .noise = 4, .features = 13});
  std::vector<double> units(13, 0.1);
  units[12] = 100;
  return data::TensorDataset(blobs.x() * from_vector(units).to(float32), blobs.y());
}

// ------------------------------------------------------------------ cases

struct Case {
  const char* name;
  const char* sickness;
  const char* causes;  ///< kinds of finding that name it
  std::function<Run()> make;
};

/// The linear layers of an MLP: its children with a weight of two axes.
void each_linear(nn::Sequential& model, const std::function<void(Tensor weight, Tensor bias)>& f) {
  for (const auto& [name, child] : model.children())
    if (const auto* linear = dynamic_cast<const nn::Linear*>(child.get()))
      f(linear->weight, linear->bias);
}

const std::vector<Case> cases = {
    {"lr_high", "learning rate 100 times too high", "learning_rate_high divergence",
     [] { return Run{.data = data::load_digits(), .lr = 0.2, .epochs = 10}; }},
    {"lr_low", "learning rate 1000 times too low", "learning_rate_low",
     [] { return Run{.data = data::load_digits(), .lr = 2e-6, .epochs = 10}; }},
    {"deep_sigmoids", "20 sigmoid layers", "deep_sigmoids vanishing_gradient",
     [] {
       return Run{.data = data::load_digits(),
                  .hidden = std::vector<Index>(20, 32),
                  .activation = "sigmoid",
                  .dropout = 0,
                  .epochs = 8};
     }},
    {"dead_relu", "ReLU with biases of -5", "dead_units",
     [] {
       Run run{.data = data::load_digits(), .epochs = 10};
       run.spoil = [](nn::Sequential& model) {
         each_linear(model, [](const Tensor&, Tensor bias) {
           const NoGrad guard;
           if (bias.numel() > 10) bias.fill_(-5);
         });
       };
       return run;
     }},
    {"unscaled", "features of different scale (wine)", "inputs_not_scaled",
     [] { return Run{.data = unscaled(), .scale = false}; }},
    {"random_labels", "labels unrelated to the inputs", "no_signal",
     [] {
       return Run{.data = data::make_random_labels({.n = 600, .classes = 4, .features = 20}),
                  .weight_decay = 0,
                  .dropout = 0,
                  .label_smoothing = 0};
     }},
    {"few_rows", "40 rows for two layers of 1024 units", "overfitting",
     [] {
       return Run{.data = data::load_digits(),
                  .hidden = {1024, 1024},
                  .weight_decay = 0,
                  .dropout = 0,
                  .label_smoothing = 0,
                  .validation = 0.2,
                  .test = 0.8 - 40.0 / 1797};
     }},
    {"saturated", "squared error on a saturated sigmoid",
     "squared_error_on_sigmoid saturated_units",
     [] {
       Run run{
           .data = data::load_digits(), .loss = "mse", .optimizer = "sgd", .lr = 0.1, .epochs = 10};
       run.one_hot = run.sigmoid_output = true;
       run.spoil = [](nn::Sequential& model) {
         each_linear(model, [](const Tensor&, Tensor bias) {
           const NoGrad guard;
           if (bias.numel() == 10) bias.fill_(12);
         });
       };
       return run;
     }},
    {"linear", "a deep network without activations", "linear_after_linear",
     [] { return Run{.data = data::load_digits(), .activation = "none", .epochs = 10}; }},
};

bool names_cause(const Case& c, const train::Finding& finding) {
  return (" " + std::string(c.causes) + " ").find(" " + finding.kind + " ") != std::string::npos;
}

struct Options {
  std::string only;
  bool lint = true, verbose = false, healthy = false, cost = false;
};

void print(const Outcome& outcome) {
  for (const train::Finding& f : outcome.findings)
    std::printf("  %s %s: %s\n", f.alarm ? "alarm" : "remark", f.kind.c_str(), f.text.c_str());
  std::printf("  accuracy %.1f %%, %.1f s\n", 100 * outcome.accuracy, outcome.seconds);
}

bool show(const Case& c, const Options& options) {
  const Outcome outcome = diagnose(c.make(), options.lint);
  const bool any = !outcome.findings.empty();
  const bool hit = any && names_cause(c, outcome.findings[0]);
  std::printf("%-14s %-38s %s%s\n", c.name, c.sickness,
              any ? outcome.findings[0].kind.c_str() : "nothing",
              hit ? "" : ", which is not the cause");
  if (options.verbose) print(outcome);
  return hit;
}

int sick(const Options& options) {
  int hits = 0, count = 0;
  for (const Case& c : cases)
    if (options.only.empty() || options.only == c.name) {
      ++count;
      hits += show(c, options);
    }
  if (count == 0) fail("sick", "the case \"" + options.only + "\" was given; run without for all");
  std::printf("the first finding names the cause in %d of %d\n", hits, count);
  return hits == count ? 0 : 1;
}

// ------------------------------------------------------------------ healthy runs

/// Data sets with the settings under which they are learned.
std::vector<std::pair<const char*, Run>> healthy_runs() {
  std::vector<std::pair<const char*, Run>> runs;
  const auto add = [&](const char* name, int seeds, const std::function<Run(std::uint64_t)>& make) {
    for (int seed = 0; seed < seeds; ++seed) {
      runs.emplace_back(name, make(static_cast<std::uint64_t>(seed)));
      runs.back().second.seed = static_cast<std::uint64_t>(seed);
    }
  };
  const auto table_of = [&](const char* name, const char* file) {
    if (have(file)) add(name, 3, [file](std::uint64_t) { return Run{.data = table(file)}; });
  };
  table_of("iris", "iris.csv");
  table_of("wine", "wine_data.csv");
  table_of("breast cancer", "breast_cancer.csv");
  add("digits", 2, [](std::uint64_t) { return Run{.data = data::load_digits()}; });
  add("moons", 3, [](std::uint64_t seed) {
    return Run{.data = data::make_moons({.n = 400, .noise = 0.15, .seed = seed})};
  });
  add("xor", 3, [](std::uint64_t seed) {
    return Run{.data = data::make_xor({.n = 400, .noise = 0.1, .seed = seed})};
  });
  add("spirals", 3, [](std::uint64_t seed) {
    Run run{.data = data::make_spirals({.n = 900, .noise = 0.02, .seed = seed})};
    run.dropout = run.weight_decay = run.label_smoothing = 0;  // small and without noise
    run.epochs = 60;
    return run;
  });
  return runs;
}

int healthy(const Options& options) {
  int alarms = 0, runs = 0;
  for (const auto& [name, run] : healthy_runs()) {
    if (!options.only.empty() && options.only != name) continue;
    const Outcome outcome = diagnose(run, options.lint);
    const auto count = std::count_if(outcome.findings.begin(), outcome.findings.end(),
                                     [](const train::Finding& f) { return f.alarm; });
    std::printf("%-14s seed %d: %d alarms\n", name, static_cast<int>(run.seed),
                static_cast<int>(count));
    if (options.verbose) print(outcome);
    alarms += count > 0;
    ++runs;
  }
  std::printf("alarms in %d of %d healthy runs\n", alarms, runs);
  return alarms == 0 ? 0 : 1;
}

// ------------------------------------------------------------------ what the monitor costs

/// Seconds of a training with or without a monitor.
double train_once(const data::TensorDataset& data, const std::vector<Index>& sizes, Index epochs,
                  bool monitored) {
  manual_seed(1);
  nn::MLP model(sizes);
  optim::AdamW optimizer(model.parameters(), {.lr = 1e-3});
  data::DataLoader loader(data, {.batch_size = 32, .shuffle = true, .seed = 1});
  train::Monitor monitor;
  train::FitOptions options{.epochs = epochs};
  if (monitored) options.callbacks = {&monitor};
  const train::Loss loss = [](const Tensor& output, const Tensor& target) {
    return cross_entropy(output, target);
  };
  const auto start = std::chrono::steady_clock::now();
  train::fit(model, loss, optimizer, nullptr, loader, {}, options);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void show_cost(const char* name, const data::TensorDataset& data, const std::vector<Index>& sizes,
               Index epochs) {
  constexpr int rounds = 31;
  std::vector<double> ratios;
  for (int i = 0; i < rounds; ++i) {  // by turns, since the machine's speed changes
    const double before = train_once(data, sizes, epochs, false);
    const double with = train_once(data, sizes, epochs, true);
    const double after = train_once(data, sizes, epochs, false);
    ratios.push_back(2 * with / (before + after));
  }
  std::nth_element(ratios.begin(), ratios.begin() + rounds / 2, ratios.end());
  std::printf("%-24s %4d epochs: %+.1f %%\n", name, static_cast<int>(epochs),
              100 * (ratios[rounds / 2] - 1));
}

int cost() {
  const data::TensorDataset digits = data::load_digits(), moons = data::make_moons({.n = 400});
  show_cost("digits, 64-128-64-10", digits, {64, 128, 64, 10}, 5);
  show_cost("digits, 64-128-64-10", digits, {64, 128, 64, 10}, 30);
  show_cost("moons, 2-16-16-2", moons, {2, 16, 16, 2}, 200);
  show_cost("moons, 2-8-2", moons, {2, 8, 2}, 400);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--data" && i + 1 < argc)
      folder = argv[++i];
    else if (argument == "--no-lint")
      options.lint = false;
    else if (argument == "--verbose")
      options.verbose = true;
    else if (argument == "--healthy")
      options.healthy = true;
    else if (argument == "--cost")
      options.cost = true;
    else if (!argument.starts_with("--"))
      options.only = argument;
    else {
      std::fprintf(stderr,
                   "sick: %s was given; known are --data FOLDER, --no-lint, --verbose, --healthy, "
                   "--cost\n",
                   argv[i]);
      return 2;
    }
  }
  try {
    if (options.cost) return cost();
    return options.healthy ? healthy(options) : sick(options);
  } catch (const Error& error) {
    std::fprintf(stderr, "sick: %s\n", error.what());
    return 3;
  }
}
