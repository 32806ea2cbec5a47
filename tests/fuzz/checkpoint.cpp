#include "fuzz/fuzz.hpp"
#include "gradus/gradus.hpp"
#include "gradus/train.hpp"

using namespace gradus;

namespace {

/// The file of a run of two epochs.
std::string small_run() {
  const std::string path = std::filesystem::temp_directory_path() / "gradus_fuzz_checkpoint";
  nn::MLP model({2, 3, 2});
  optim::AdamW optimizer(model.parameters());
  data::DataLoader loader(data::make_moons({.n = 8}), {.batch_size = 4});
  train::Monitor monitor;
  train::Recorder recorder;
  train::fit(
      model,
      [](const Tensor& output, const Tensor& target) { return cross_entropy(output, target); },
      optimizer, nullptr, loader, {},
      {.epochs = 2, .checkpoint = {.path = path}, .callbacks = {&monitor, &recorder}});
  const std::string bytes = io::read_file(path);
  std::filesystem::remove(path);
  return bytes.substr(8);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  fuzz::write_seeds(*argc, *argv, {small_run()});
  return 0;
}

/// The input is the header's text and then the values; the length in front is computed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::expect_result_or_error(data, size, [](std::string_view bytes) {
    const train::Checkpoint checkpoint =
        train::parse_checkpoint(io::parse_safetensors(fuzz::with_length(bytes)));
    train::Monitor monitor;
    train::Recorder recorder;
    for (const auto& [name, state] : checkpoint.states) {
      if (name == "callback.monitor") monitor.load_state_dict(state);
      if (name == "callback." + recorder.name()) recorder.load_state_dict(state);
    }
  });
}
