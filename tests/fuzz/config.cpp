#include "gradus/train/config.hpp"

#include "fuzz/fuzz.hpp"

using namespace gradus;

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  fuzz::write_seeds(*argc, *argv,
                    {train::to_json({}), R"({"hidden": [16, "8"], "lr": 1e-3, "seed": "auto"})",
                     R"({"optimizer": "adamw", "report": false, "data": "x.csv", "epochs": 5})"});
  return 0;
}

/// What is read without an error can be written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::expect_result_or_error(data, size, [](std::string_view text) {
    train::Config config, again;
    train::read_json(config, std::string(text), "config.json");
    const std::string written = train::to_json(config);
    train::read_json(again, written, "config.json");
    if (train::to_json(again) != written) __builtin_trap();
    train::check(config);
  });
}
