#include "fuzz/model.hpp"

using namespace gradus::fuzz;

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  model::start(*argc, *argv, 2);
  return 0;
}

/// The input says what is changed in the preprocessing: its description, often, and its tensors.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return model::change_and_use(data, size, {model::pipeline, model::pipeline, model::values});
}
