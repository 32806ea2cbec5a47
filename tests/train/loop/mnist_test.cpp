#include "gradus/gradus.hpp"
#include "gradus/runtime.hpp"
#include "gradus/train.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

using namespace gradus;

TEST_CASE("a network of one hidden layer reaches 97.5 % on MNIST in five epochs") {
  const std::string folder = test::shared_data("mnist");
  if (folder.empty()) {
    WARN("skipped: the MNIST files are not there");
    SUCCEED();
    return;
  }
  const io::MnistParts parts = io::load_mnist(folder);
  const auto pixels = [](const data::TensorDataset& part) {
    return data::TensorDataset(part.x().reshape({-1, 784}), part.y());
  };
  manual_seed(0);
  nn::MLP model({784, 128, 10});
  optim::AdamW optimizer(model.parameters(), {.lr = 2e-3, .weight_decay = 0.01});
  data::DataLoader loader(pixels(parts.train), {.batch_size = 64, .shuffle = true, .seed = 0});
  optim::Scheduler scheduler(optimizer,
                             optim::WarmupCosine{.warmup = 200, .total = 5 * loader.size()});
  const train::Loss loss = [](const Tensor& output, const Tensor& target) {
    return cross_entropy(output, target);
  };
  train::fit(model, loss, optimizer, &scheduler, loader, {}, {.epochs = 5});
  CHECK(train::evaluate(model, loss, pixels(parts.test)).accuracy >= 0.975);
}

TEST_CASE("products in bfloat16 keep the accuracy on MNIST within 0.1 points") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  WARN("skipped: two long trainings take many minutes under a sanitizer");
  SUCCEED();
  return;
#endif
  const std::string folder = test::shared_data("mnist");
  bool there = !folder.empty();
  try {
    set_matmul_precision(Precision::bfloat16);
  } catch (const Error&) {
    there = false;
  }
  if (!there) {
    WARN("skipped: the MNIST files or AVX512-BF16 are not there");
    SUCCEED();
    return;
  }
  const io::MnistParts parts = io::load_mnist(folder);
  const auto pixels = [](const data::TensorDataset& part) {
    return data::TensorDataset(part.x().reshape({-1, 784}), part.y());
  };
  const train::Loss loss = [](const Tensor& output, const Tensor& target) {
    return cross_entropy(output, target);
  };
  const auto accuracy = [&](Precision precision) {
    set_matmul_precision(precision);
    manual_seed(0);
    nn::MLP model({784, 512, 256, 10});
    optim::AdamW optimizer(model.parameters(), {.lr = 1e-3, .weight_decay = 0.01});
    data::DataLoader loader(pixels(parts.train), {.batch_size = 64, .shuffle = true, .seed = 0});
    optim::Scheduler scheduler(optimizer,
                               optim::WarmupCosine{.warmup = 200, .total = 8 * loader.size()});
    train::fit(model, loss, optimizer, &scheduler, loader, {}, {.epochs = 8});
    set_matmul_precision(Precision::full);
    return train::evaluate(model, loss, pixels(parts.test)).accuracy;
  };
  const double rounded = accuracy(Precision::bfloat16), full = accuracy(Precision::full);
  CAPTURE(rounded, full);
  CHECK(full > 0.98);
  CHECK(rounded >= full - 0.001);
}
