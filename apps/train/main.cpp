// Trains a multi-layer perceptron on a table of numbers; without arguments, on handwritten digits.
//
//   $ ./dev train
//   $ ./dev train --data flowers.csv --target species --hidden 32,16 --epochs 100
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <gradus/gradus.hpp>
#include <gradus/io/file.hpp>
#include <gradus/train.hpp>

using namespace gradus;

namespace {

struct Settings {
  std::string data, target, save = "model.safetensors";
  std::vector<Index> hidden = {256, 256};
  std::string activation = "relu", optimizer = "adamw";
  double lr = 2e-3, weight_decay = 0.05, dropout = 0.3, label_smoothing = 0.1, clip_norm = 1;
  double validation = 0.1, test = 0.2;
  Index epochs = 40, batch_size = 32;
  std::uint64_t seed = 0;
};

void add_options(CLI::App& app, Settings& s) {
  app.add_option("--data", s.data, "CSV file, gzip or not; default: 1,797 handwritten digits")
      ->type_name("FILE");
  app.add_option("--target", s.target, "name or number of the column to predict; default: the last")
      ->type_name("COLUMN");
  app.add_option("--hidden", s.hidden, "sizes of the hidden layers")->delimiter(',');
  app.add_option("--activation", s.activation, "of the hidden layers");
  app.add_option("--dropout", s.dropout, "fraction of hidden units that are left out in a step");
  app.add_option("--optimizer", s.optimizer, "adamw, adam, sgd, momentum, nesterov, …");
  app.add_option("--lr", s.lr, "largest learning rate, after warm-up");
  app.add_option("--weight-decay", s.weight_decay, "of the weights; biases have none");
  app.add_option("--label-smoothing", s.label_smoothing, "for classification");
  app.add_option("--clip-norm", s.clip_norm, "limit of the gradient's norm; 0: none");
  app.add_option("--epochs", s.epochs, "passes over the training part");
  app.add_option("--batch-size", s.batch_size, "samples in a step");
  app.add_option("--validation", s.validation,
                 "fraction of the samples that choose the best epoch");
  app.add_option("--test", s.test, "fraction of the samples that are kept for the end");
  app.add_option("--seed", s.seed, "of the split, the initial weights, shuffling and dropout")
      ->check([](const std::string& text) {
        return text.starts_with('-') ? text + " was given; 0 or more is required" : std::string();
      });
  app.add_option("--save", s.save, "where the model goes")->type_name("FILE");
  for (CLI::Option* option : app.get_options()) option->capture_default_str();
}

/// The parts of a data set, scaled by what the training part shows.
struct Prepared {
  data::Split parts;
  data::StandardScaler scaler;
  Index inputs = 0, outputs = 0;
  bool labels = false;
};

Prepared prepare(const Settings& s) {
  const data::TensorDataset all =
      s.data.empty() ? data::load_digits() : io::read_csv(s.data, {.target = s.target}).dataset();
  Prepared p;
  p.labels = all.y().dtype() == int64;
  p.inputs = all.x().size(1);
  p.outputs = p.labels ? max(all.y()).item<Index>() + 1 : all.y().size(1);
  p.parts = data::split(all, {.validation = s.validation, .test = s.test, .seed = s.seed});
  p.scaler.fit(p.parts.train.x());
  for (data::TensorDataset* part : {&p.parts.train, &p.parts.validation, &p.parts.test})
    if (!part->empty()) *part = data::TensorDataset(p.scaler.transform(part->x()), part->y());
  return p;
}

void save(const Settings& s, const nn::Module& model, const data::Scaler& scaler) {
  io::NamedTensors tensors;
  for (const auto& [name, tensor] : model.state_dict()) tensors.emplace_back(name, tensor);
  for (const auto& [name, tensor] : scaler.state()) tensors.emplace_back("scaler." + name, tensor);
  io::write_safetensors(s.save, tensors, {{"activation", s.activation}, {"library", "gradus"}});
  std::printf("saved %s\n", s.save.c_str());
}

/// Finds out before the training whether the model can be saved after it: a run is not to be lost.
void check_save(const std::string& path) {
  if (std::error_code ignored; std::filesystem::is_directory(path, ignored))
    fail("train", "--save " + path + ": is a folder; the path of a file is required");
  const std::string probe = path + ".probe";
  io::write_file_atomically(probe, "");
  std::filesystem::remove(probe);
}

void check(const Settings& s) {
  const Index most = 1'000'000'000;  // the number of steps is to be counted, too
  if (s.epochs < 1 || s.epochs > most)
    fail("train", "--epochs " + std::to_string(s.epochs) + " was given; 1 to " +
                      std::to_string(most) + " are required");
  if (s.data.empty() && !s.target.empty())
    fail("train", "--target " + s.target + " was given without --data; both are required");
  if (!(s.label_smoothing >= 0 && s.label_smoothing <= 1))
    fail("train", "--label-smoothing " + std::to_string(s.label_smoothing) +
                      " was given; 0 to 1 is required");
  if (!(s.clip_norm >= 0))
    fail("train", "--clip-norm " + std::to_string(s.clip_norm) +
                      " was given; a positive limit, or 0 for none, is required");
  check_save(s.save);
}

void run(const Settings& s) {
  check(s);
  Prepared p = prepare(s);
  manual_seed(s.seed);
  std::vector<Index> sizes = {p.inputs};
  sizes.insert(sizes.end(), s.hidden.begin(), s.hidden.end());
  sizes.push_back(p.outputs);
  nn::MLP model(sizes, {.activation = s.activation, .dropout = s.dropout});
  const auto optimizer = optim::make_optimizer(s.optimizer, model.parameters(),
                                               {{"lr", s.lr}, {"weight_decay", s.weight_decay}});
  data::DataLoader loader(p.parts.train,
                          {.batch_size = s.batch_size, .shuffle = true, .seed = s.seed});
  const Index steps = loader.size() * s.epochs;
  optim::Scheduler scheduler(*optimizer, optim::WarmupCosine{.warmup = steps / 20, .total = steps});
  const train::Loss loss = [&](const Tensor& output, const Tensor& target) {
    return p.labels ? cross_entropy(output, target, {.label_smoothing = s.label_smoothing})
                    : mse_loss(output, target);
  };

  const auto count = [](Index n) { return static_cast<long long>(n); };
  std::printf("%lld training, %lld validation and %lld test samples; %lld parameters\n",
              count(p.parts.train.size()), count(p.parts.validation.size()),
              count(p.parts.test.size()), count(model.num_parameters()));
  train::ProgressPrinter printer;
  printer.header();
  train::fit(model, loss, *optimizer, &scheduler, loader, p.parts.validation,
             {.epochs = s.epochs,
              .clip_norm = s.clip_norm,
              .on_step = [&](const train::Progress& progress) { printer.step(progress); },
              .on_epoch = [&](const train::Epoch& epoch) { printer.epoch(epoch, s.epochs); }});
  if (!p.parts.test.empty()) {
    const train::Score score = train::evaluate(model, loss, p.parts.test);
    if (p.labels)
      std::printf("test accuracy %.2f %%, test loss %.4f\n", 100 * score.accuracy, score.loss);
    else
      std::printf("test loss %.4f\n", score.loss);
  }
  save(s, model, p.scaler);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Trains a multi-layer perceptron on a table of numbers.");
  add_options(app, settings);
  try {
    app.parse(argc, argv);
    run(settings);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "train: %s\n", error.what());
    return 2;
  } catch (const Error& error) {
    std::fprintf(stderr, "train: %s\n", error.what());
    return 3;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "train: %s\n", error.what());
    return 1;
  }
  return 0;
}
