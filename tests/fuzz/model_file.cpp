#include <unistd.h>

#include "fuzz/fuzz.hpp"
#include "gradus/train.hpp"

using namespace gradus;

namespace {

std::string file() {
  return std::filesystem::temp_directory_path() /
         ("gradus_fuzz_model" + std::to_string(::getpid()));
}

/// The file of a model that was never trained.
std::string small_model() {
  std::ofstream(file() + ".csv")
      << "a,b,y\n1,red,0\n2,blue,1\n3,red,0\n4,blue,1\n5,red,0\n6,blue,1\n";
  train::Config config;
  config.data = file() + ".csv";
  const train::Prepared data =
      train::prepare(config, train::load_source(train::source_options(config)));
  const train::ModelSpec spec = train::model_spec(
      data.config, data.pipeline, train::objective_of(data.config, data.pipeline, data.train));
  train::save_model(file(), *train::build_model(spec), spec, data.pipeline, data.config);
  return io::read_file(file()).substr(8);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  fuzz::write_seeds(*argc, *argv, {small_model()});
  return 0;
}

/// The input is the header's text and then the values; the length in front is computed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::expect_result_or_error(data, size, [](std::string_view bytes) {
    std::ofstream(file(), std::ios::binary) << fuzz::with_length(bytes);
    train::load_model(file());
  });
}
