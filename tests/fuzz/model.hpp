#pragma once

#include "fuzz/command.hpp"
#include "fuzz/mutate.hpp"

// The file of a model, changed and used.
namespace gradus::fuzz::model {

enum Part { description, pipeline, config, values, header };

struct Base {
  io::NamedTensors tensors;
  std::vector<json> documents;
  std::string data;  // of predict and evaluate
};
inline constexpr const char* keys[] = {"model", "pipeline", "config"};

inline std::string path(const char* name) { return folder() + "/" + name; }

/// A model that was trained for an epoch.
inline Base made(const std::string& table, std::vector<std::string> flags) {
  static int number = 0;
  const std::string data = folder() + "/data" + std::to_string(number++) + ".csv";
  write(data, table);
  std::filesystem::remove_all(path("made"));
  flags.insert(flags.begin(), {"fit", "--data", data, "--run", path("made"), "--epochs", "1",
                               "--hidden", "3,3", "--quiet", "--report", "no", "--diagnose", "no"});
  must_run(command_fit, flags);
  const io::SafeTensors file = io::read_safetensors(path("made") + "/model.safetensors");
  Base base{file.tensors, {}, data};
  for (const char* key : keys) base.documents.push_back(json::parse(file.text(key)));
  return base;
}

inline const std::vector<Base>& bases() {
  const std::string colours =
      "a,b,y\n1,red,0\n2,blue,1\n3,red,0\n4,blue,1\n,red,0\n6,,1\n7,red,1\n";
  const std::string quantities = "a,b,u,v\n1,2,3,4\n2,3,4,9\n3,1,5,6\n4,5,6,1\n5,0,7,2\n6,7,8,3\n";
  static const std::vector<Base> list = {
      made(colours, {"--missing", "mean", "--indicators"}),
      made(colours, {"--missing", "mode", "--categories", "embed", "--output", "sigmoid"}),
      made(quantities, {"--target", "u,v", "--norm", "batch", "--residual"}),
      made(quantities, {"--target", "v", "--task", "regression", "--loss", "poisson",
                        "--target-scaler", "none", "--precision", "float64", "--norm", "layer"}),
      made("p,q,c\n1,2,a\n2,3,b\n3,4,c\n4,5,a\n5,6,b\n6,7,c\n7,8,a\n8,9,b\n9,9,c\n",
           {"--norm", "rms", "--dropout", "0.5", "--activation", "gelu"})};
  return list;
}

/// Predictions are numbers.
inline void check_predictions(const std::string& file) {
  const std::string text = io::read_file(file);
  const std::string cells = text.substr(text.find('\n'));
  for (const char* bad : {",nan", ",inf", ",-nan", ",-inf", "\nnan", "\ninf", "\n-inf", "\n-nan"})
    if (cells.find(bad) != std::string::npos) __builtin_trap();
}

/// Starts from good models; seeds change each of the `parts` of each.
inline void start(int argc, char** argv, std::size_t parts) {
  be_quiet();
  std::vector<std::string> seeds;
  for (std::size_t base = 0; base < bases().size(); ++base)
    for (std::size_t part = 0; part < parts; ++part) seeds.push_back(seed(base, part));
  write_seeds(argc, argv, seeds);
}

/// A file without checksums whose header is changed.
inline std::string change_header(const std::string& bytes, Choices& choices) {
  const std::size_t begin =
      8 + static_cast<unsigned char>(bytes[0]) + 256 * static_cast<unsigned char>(bytes[1]);
  json changed = json::parse(bytes.substr(8, begin - 8));
  changed["__metadata__"].erase("gradus.crc32");
  mutate(changed, choices);
  return framed(changed.dump(), bytes.substr(begin));
}

/// Changes some of the `parts` of a model's file as the bytes say, and uses it.
inline int change_and_use(const std::uint8_t* data, std::size_t size,
                          const std::vector<Part>& parts) {
  Choices choices(data, size);
  Base base = bases()[choices.below(bases().size())];
  bool header_too = false;
  for (int changes = 0; !choices.done() && changes < 8; ++changes) {
    const Part part = parts[choices.below(parts.size())];
    if (part < values)
      mutate(base.documents[part], choices);
    else if (part == values)
      mutate(base.tensors, choices);
    else
      header_too = true;
  }
  drop_doubles(base.tensors);
  io::Metadata metadata = {{"format", "gradus-model-1"}};
  for (std::size_t i = 0; i < 3; ++i) metadata.emplace_back(keys[i], base.documents[i].dump());
  std::string bytes = io::format_safetensors(base.tensors, metadata);
  if (header_too) bytes = change_header(bytes, choices);
  write(path("model"), bytes);
  std::filesystem::remove(path("out.csv"));
  if (run(command_predict,
          {"predict", path("model"), "--data", base.data, "--out", path("out.csv")}))
    check_predictions(path("out.csv"));
  run(command_evaluate, {"evaluate", path("model"), "--data", base.data});
  run(command_inspect, {"inspect", path("model")});
  return 0;
}

}  // namespace gradus::fuzz::model
