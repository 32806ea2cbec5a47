#include "fuzz/command.hpp"
#include "fuzz/mutate.hpp"

using namespace gradus;

namespace {

struct Base {
  io::NamedTensors tensors;
  io::Metadata metadata;
};

std::string run_folder() { return fuzz::folder() + "/run"; }
std::string file() { return run_folder() + "/checkpoint.safetensors"; }

/// The checkpoint of a run of three epochs that stands after the second.
Base made(std::vector<std::string> flags) {
  static int number = 0;
  const std::string data = fuzz::folder() + "/data" + std::to_string(number++) + ".csv";
  fuzz::write(data,
              "a,b,y\n1,red,0\n2,blue,1\n3,red,0\n4,blue,1\n5,red,0\n6,blue,1\n7,red,1\n8,red,0\n");
  std::filesystem::remove_all(run_folder());
  flags.insert(flags.begin(),
               {"fit", "--data", data, "--run", run_folder(), "--epochs", "2", "--hidden", "3",
                "--batch-size", "2", "--quiet", "--validation", "0.25", "--test", "0"});
  fuzz::must_run(command_fit, flags);
  const io::SafeTensors saved = io::read_safetensors(file());
  Base base{saved.tensors, saved.metadata};
  for (auto& [key, text] : base.metadata)
    if (key == "gradus.text.config") {
      const std::string epochs = "\"epochs\": ";
      const std::size_t at = text.find(epochs) + epochs.size();
      text.replace(at, 1, "3");
    }
  return base;
}

const std::vector<Base>& bases() {
  static const std::vector<Base> list = {
      made({}),
      made({"--optimizer", "sgd", "--schedule", "plateau", "--clip-percentile", "50", "--ema",
            "0.9", "--norm", "batch"}),
      made({"--optimizer", "lbfgs", "--diagnose", "no"}),
      made({"--optimizer", "muon", "--schedule", "restarts", "--accumulate", "2", "--patience",
            "3"}),
      made({"--optimizer", "adadelta", "--sampler", "weighted", "--tensorboard"})};
  return list;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  fuzz::be_quiet();
  bases();
  std::vector<std::string> seeds;
  for (char base = 0; base < 5; ++base)
    for (char part = 0; part < 10; ++part) seeds.push_back(fuzz::seed(base, part));
  fuzz::write_seeds(*argc, *argv, seeds);
  return 0;
}

/// The input says what is changed in the checkpoint of a run: one of its documents, or tensors.
/// Then the run goes on, and its report is written. Settings are left to the config fuzzer: a run
/// may well ask for a million epochs.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(data, size);
  Base base = bases()[choices.below(bases().size())];
  for (int changes = 0; !choices.done() && changes < 8; ++changes) {
    if (choices.below(2)) {
      fuzz::mutate(base.tensors, choices);
      continue;
    }
    auto& [key, text] = base.metadata[choices.below(base.metadata.size())];
    if (key == "gradus.text.config") continue;
    fuzz::json document = fuzz::json::parse(text, nullptr, false);
    if (!document.is_structured()) continue;
    fuzz::mutate(document, choices);
    text = document.dump();
  }
  fuzz::drop_doubles(base.tensors);
  io::write_safetensors(file(), base.tensors, base.metadata);
  fuzz::run(command_report, {"report", run_folder(), "--out", fuzz::folder() + "/page.html"});
  fuzz::run(command_inspect, {"inspect", file()});
  fuzz::run(command_resume, {"resume", run_folder(), "--quiet"});
  return 0;
}
