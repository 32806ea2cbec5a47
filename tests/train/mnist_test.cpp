#include "gradus/gradus.hpp"
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
