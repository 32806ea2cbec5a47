#include "fuzz/model.hpp"

using namespace gradus::fuzz;

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  model::start(*argc, *argv, 4);
  return 0;
}

/// The input says what is changed: the description of the layers, the settings, tensors, the file's
/// own header.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return model::change_and_use(data, size,
                               {model::description, model::config, model::values, model::header});
}
