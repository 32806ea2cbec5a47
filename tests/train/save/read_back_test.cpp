#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "gradus/gradus.hpp"
#include "gradus/train.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

using namespace gradus;
using namespace gradus::test;
using nlohmann::json;

namespace {

struct Made {
  io::NamedTensors tensors;
  std::map<std::string, json> documents;  // of the metadata
};

/// The parts of the file of a model that was never trained.
Made made_model(const train::Config& given, const std::string& table, const std::string& folder) {
  train::Config config = given;
  config.data = folder + "/table.csv";
  write_bytes(config.data, table);
  const train::Prepared data =
      train::prepare(config, train::load_source(train::source_options(config)));
  const train::ModelSpec spec = train::model_spec(
      data.config, data.pipeline, train::objective_of(data.config, data.pipeline, data.train));
  train::save_model(folder + "/made", *train::build_model(spec), spec, data.pipeline, data.config);
  const io::SafeTensors file = io::read_safetensors(folder + "/made");
  Made made{file.tensors, {}};
  for (const char* key : {"model", "pipeline", "config"})
    made.documents[key] = json::parse(file.text(key));
  return made;
}

const std::string colours =
    "a,b,y\n1,red,0\n2,blue,1\n3,red,0\n4,blue,1\n5,red,0\n6,blue,1\n7,green,0\n,red,1\n";
const std::string quantities = "a,u,v\n1,2,3\n2,3,4\n3,4,5\n4,5,6\n5,6,7\n6,7,8\n";

void write(const Made& made, const std::string& path) {
  io::Metadata metadata = {{"format", "gradus-model-1"}};
  for (const auto& [key, document] : made.documents) metadata.emplace_back(key, document.dump());
  io::write_safetensors(path, made.tensors, metadata);
}

train::SavedModel read(const Made& made, const std::string& folder) {
  write(made, folder + "/changed");
  return train::load_model(folder + "/changed");
}

/// The message with which a model is refused; one line.
std::string refusal(const Made& made, const std::string& folder) {
  try {
    read(made, folder);
  } catch (const train::ConfigError& e) {
    return "a usage error: " + std::string(e.what());
  } catch (const Error& e) {
    const std::string text = e.what();
    CHECK(text.find('\n') == std::string::npos);
    CHECK_THAT(text, contains(folder + "/changed"));
    return text;
  }
  return "accepted";
}

/// Changes the value at a place, such as "pipeline/columns/1/fill", or takes it away.
void change(Made& made, const std::string& place, const json& value, bool erase = false) {
  const std::size_t slash = place.find('/');
  json& document = made.documents.at(place.substr(0, slash));
  if (erase)
    document.erase(place.substr(slash + 1));
  else
    document.at(json::json_pointer(place.substr(slash))) = value;
}

Tensor& tensor_of(Made& made, const std::string& name) {
  for (auto& [own, tensor] : made.tensors)
    if (own == name) return tensor;
  throw std::runtime_error("no tensor " + name);
}

}  // namespace

TEST_CASE("numbers, lists and references of a model's file are checked against each other") {
  const TemporaryFolder folder;
  train::Config config;
  config.missing = "mean";
  config.pipeline.indicators = true;
  config.categories = "embed";
  const Made one_hot = [&] {
    train::Config other = config;
    other.categories = "onehot";
    return made_model(other, colours, folder.path());
  }();
  const Made embedded = made_model(config, colours, folder.path());
  REQUIRE(refusal(one_hot, folder.path()) == "accepted");
  REQUIRE(refusal(embedded, folder.path()) == "accepted");

  struct Case {
    const char* place;
    json value;
    const char* text;
  };
  const std::vector<Case> cases = {
      {"pipeline/columns/1/fill", 1e9, "pipeline.columns[1].fill is 1000000000"},
      {"pipeline/columns/1/fill", 3, "from 0 to 2"},
      {"pipeline/columns/1/fill", -1, "from 0 to 2"},
      {"pipeline/columns/1/fill", 0.5, "whole number"},
      {"pipeline/columns/1/fill", "red", "finite number"},
      {"pipeline/columns/0/fill", nullptr, "tells where a value was filled in"},
      {"pipeline/columns/1/values", json::array(), "one category or more"},
      {"pipeline/columns/1/values", {"red", "blue", "red"}, "does not hold already"},
      {"pipeline/columns/1/values", {"red", "blue"}, "damaged?"},
      {"pipeline/columns/1/values", {"a", "b", "c", "d"}, "damaged?"},
      {"pipeline/columns/0/values", {"red"}, "holds numbers"},
      {"pipeline/columns/0/name", "b", "no other column has"},
      {"pipeline/columns/0/name", "y", "no column of inputs has"},
      {"pipeline/columns/0/text", true, "one category or more"},
      {"pipeline/columns/0/text", 1, "true or false"},
      {"pipeline/columns", json::array(), "one column or more"},
      {"pipeline/columns", {{"name", "a"}}, "a list is required"},
      {"pipeline/targets", json::array(), "one target or more"},
      {"pipeline/targets", {"y", "z"}, "a single target"},
      {"pipeline/classes", {"0"}, "two or more"},
      {"pipeline/classes", {"0", "0"}, "does not hold already"},
      {"pipeline/classes", {"0", "1", "2"}, "pipeline.task is"},
      {"pipeline/classes", json::array(), "pipeline.task is"},
      {"pipeline/task", "regression", "binary classification"},
      {"pipeline/sample", {4}, "an empty list, for a table"},
      {"pipeline/image", {2, 2}, "rows and columns"},
      {"pipeline/image", {1, 1, 1, 1, 1, 1, 1, 1, 1}, "0 to 8"},
      {"pipeline/table", false, "an empty list"},
      {"pipeline/dtype", "int64", "float32, float64"},
      {"pipeline/version", 2, "1 to 1"},
      {"pipeline/embed", "yes", "true or false"},
      {"model/inputs", 0, "1 to 16777216"},
      {"model/inputs", 1e300, "1 to 16777216"},
      {"model/inputs", 16777216, "weights or more"},
      {"model/outputs", -1, "1 to 16777216"},
      {"model/outputs", 2, "damaged?"},
      {"model/hidden", {1 << 24, 1 << 24}, "weights or more"},
      {"model/hidden", {64, 63}, "the weights are not those"},
      {"model/hidden", std::vector<int>(10001, 1), "0 to 10000"},
      {"model/hidden", "64", "a list"},
      {"model/activation", "softsign2", "one of"},
      {"model/norm", "group", "one of none"},
      {"model/norm", "batch", "the weights are not those"},
      {"model/init", "zeros", "one of auto"},
      {"model/output", "sigmoid", "in the configuration"},
      {"model/dropout", 1.5, "probability"},
      {"model/dropout", "nan", "finite"},
      {"model/bias", false, "the weights are not those"},
      {"model/residual", 0, "true or false"},
      {"config/loss", "mse2", "the configuration"},
      {"config/loss", "poisson", "damaged?"},
      {"config/epochs", -1, "the configuration"},
      {"config/samples", 1e18, "the configuration"},
      {"config/hidden", {{1}}, "the configuration"},
      {"config/run", std::string("a\0b", 3), "the character 0"},
  };
  for (const Case& c : cases) {
    Made made = one_hot;
    change(made, c.place, c.value);
    INFO(c.place << " = " << c.value.dump().substr(0, 60));
    CHECK_THAT(refusal(made, folder.path()), contains(c.text));
  }
  for (const auto& [document, members] : one_hot.documents)
    for (const auto& [name, value] : members.items()) {
      if (document == "config") continue;  // a setting that is missing has its default
      Made made = one_hot;
      change(made, document + "/" + name, {}, true);
      CHECK_THAT(refusal(made, folder.path()), contains("lacks \"" + name + "\""));
      made.documents[document] = one_hot.documents.at(document);
      made.documents[document]["more"] = value;
      CHECK_THAT(refusal(made, folder.path()), contains("\"more\""));
    }

  const std::vector<Case> of_embeddings = {
      {"model/embedding_sizes", json::array(), "a list of 1 sizes"},
      {"model/embedding_sizes", {2, 2}, "a list of 1 sizes"},
      {"model/embedding_sizes", {3}, "the weights are not those"},
      {"model/categories", json::array(), "a list of 0 sizes"},
      {"model/categories", {8}, "codes of [8] categories"},
      {"model/categories", {1 << 24}, "weights or more"},
      {"model/categories", {1, 1, 1, 1}, "some of the 3 inputs"},
      {"pipeline/embed", false, "damaged?"},
      {"pipeline/columns/1/values", {"a", "b", "c", "d"}, "codes of [3] categories"},
  };
  for (const Case& c : of_embeddings) {
    Made made = embedded;
    change(made, c.place, c.value);
    INFO(c.place << " = " << c.value.dump());
    CHECK_THAT(refusal(made, folder.path()), contains(c.text));
  }
}

TEST_CASE("tensors of a model's file are the ones that are described, with numbers in range") {
  const TemporaryFolder folder;
  train::Config config;
  config.model.norm = "batch";
  config.csv.targets = {"u", "v"};
  const Made good = made_model(config, quantities, folder.path());
  REQUIRE(refusal(good, folder.path()) == "accepted");
  const auto refused = [&](const std::string& name, const Tensor& value, const char* text) {
    Made made = good;
    tensor_of(made, name) = value;
    INFO(name);
    CHECK_THAT(refusal(made, folder.path()), contains(text));
  };
  const auto row = [](std::vector<double> values) { return from_vector(values); };
  for (const double scale : {0.0, -1.0, 5e-324, 1e-310, double(INFINITY), double(NAN)})
    refused("scaler.scale", row({scale}), "scaler.scale is");
  refused("scaler.shift", row({NAN}), "finite number");
  refused("scaler.shift", row({1, 2}), "(1,) float64");
  refused("scaler.shift", row({1}).to(float32), "(1,) float64");
  refused("target_scaler.scale", row({1}), "(2,) float64");
  refused("target_scaler.scale", row({1, 1e-320}), "at place 1");
  refused("fc1.weight", zeros({64, 1}, float64), "fc1.weight is (64, 1) float64");
  refused("fc1.weight", zeros({1, 64}), "fc1.weight is (1, 64)");
  refused("fc1.weight", full({64, 1}, NAN), "\"fc1.weight\" is nan at place 0");
  refused("norm1.running_var", full({64}, -1), "of 0 or more");
  refused("norm1.num_batches_tracked", zeros({}), "num_batches_tracked is () float32");
  Made made = good;
  made.tensors.emplace_back("scaler.more", row({1}));
  CHECK_THAT(refusal(made, folder.path()), contains("scaler.shift or scaler.scale"));
  made = good;
  made.tensors.emplace_back("more", row({1}));
  CHECK_THAT(refusal(made, folder.path()), contains("unexpected: more"));
  made = good;
  std::erase_if(made.tensors, [](const auto& named) { return named.first == "scaler.shift"; });
  CHECK_THAT(refusal(made, folder.path()), contains("scaler.scale stands alone"));
  std::erase_if(made.tensors, [](const auto& named) { return named.first == "fc1.bias"; });
  tensor_of(made, "scaler.scale");
}

TEST_CASE("the columns that are not scaled have no scale in a file") {
  const TemporaryFolder folder;
  train::Config config;
  config.missing = "mean";
  Made made = made_model(config, colours, folder.path());
  tensor_of(made, "scaler.scale") = from_vector<double>({1, 2, 1, 1});
  CHECK_THAT(refusal(made, folder.path()), contains("1, for the column is not scaled"));
  made = made_model(config, colours, folder.path());
  tensor_of(made, "scaler.shift") = from_vector<double>({1, 0, 1, 0});
  CHECK_THAT(refusal(made, folder.path()), contains("0, for the column is not scaled"));
}

TEST_CASE("samples of tensors are as large as the inputs of the model, before they are named") {
  const TemporaryFolder folder;
  train::Config config;
  config.data = "digits";
  config.hidden = std::vector<Index>{4};
  const train::Prepared data =
      train::prepare(config, train::load_source(train::source_options(config)));
  const train::ModelSpec spec = train::model_spec(
      data.config, data.pipeline, train::objective_of(data.config, data.pipeline, data.train));
  const std::string text = data.pipeline.json();
  const auto refused = [&](const json& sample, const char* why) {
    json changed = json::parse(text);
    changed["sample"] = sample;
    CHECK_THROWS_WITH(train::Pipeline::parse(changed.dump(), data.pipeline.tensors(), "f", 64),
                      contains(why) && contains("[Pipeline.parse] f: pipeline.sample"));
  };
  refused({65}, "at most 64 values");
  refused({8, 1 << 24}, "at most 64 values");
  refused({std::int64_t{1} << 40, std::int64_t{1} << 40}, "at most 64 values");
  refused({-64}, "a whole number from 1");
  refused({0}, "a whole number from 1");
  json changed = json::parse(text);
  changed["image"] = {4, 4};
  CHECK_THROWS_WITH(train::Pipeline::parse(changed.dump(), {}, "f", 64),
                    contains("pipeline.image"));
}

TEST_CASE("nesting, names that stand twice and the character 0 are refused wherever JSON is read") {
  const TemporaryFolder folder;
  const Made good = made_model({}, colours.substr(0, colours.find("7,")), folder.path());
  const std::string deep(100'000, '[');
  for (const auto& [text, why] : {std::pair{deep, "nested too deeply"},
                                  {std::string("{\"inputs\":1,\"inputs\":1}"), "twice"},
                                  {std::string("{\"inputs\":\"\\u0000\"}"), "character 0"},
                                  {std::string("{"), "not valid"}}) {
    CHECK_THROWS_WITH(train::parse_model_spec(text), contains(why));
    CHECK_THROWS_WITH(train::Pipeline::parse(text, {}), contains(why));
    train::Config config;
    CHECK_THROWS_WITH(train::read_json(config, text, "f"), contains(why));
    io::SafeTensors checkpoint;
    checkpoint.metadata = {{"gradus.run", text}};
    CHECK_THROWS_WITH(train::parse_checkpoint(checkpoint), contains(why));
    write_bytes(folder / "history", "{\"event\":\"finding\",\"x\":" + text + "}\n");
    CHECK_THROWS_AS(train::read_findings(folder / "history"), Error);
    for (const char* key : {"model", "pipeline", "config"}) {
      io::Metadata metadata = {{"format", "gradus-model-1"}};
      for (const auto& [name, document] : good.documents)
        metadata.emplace_back(name, name == key ? text : document.dump());
      io::write_safetensors(folder / "m", good.tensors, metadata);
      CHECK_THROWS_WITH(train::load_model(folder / "m"), contains(why) && contains(folder / "m"));
    }
  }
  CHECK_THROWS_WITH(train::parse_model_spec(deep), contains("at most 16"));
  const std::string after_end("{}\0{}", 5);
  CHECK_THROWS_WITH(train::parse_model_spec(after_end), contains("byte 2 is 0"));
}

TEST_CASE("a finding in a history is read whole or refused; one that is cut off is left out") {
  const TemporaryFolder folder;
  const std::string whole =
      R"({"event":"finding","kind":"k","alarm":true,"where":"w","epoch":1,"step":2,"text":"t"})";
  write_bytes(folder / "h", "{\"event\":\"step\"}\n" + whole + "\n" + whole.substr(0, 40));
  CHECK(train::read_findings(folder / "h").size() == 1);
  std::string wrong = whole;
  wrong.replace(wrong.find("1,\"step"), 1, "\"1\"");
  write_bytes(folder / "h", whole + "\n" + wrong + "\n");
  CHECK_THROWS_WITH(train::read_findings(folder / "h"),
                    contains("[read_findings] " + (folder / "h") + ": line 2.epoch is \"1\""));
}

TEST_CASE("a prediction is finite, or its row is named") {
  const TemporaryFolder folder;
  train::Config config;
  config.csv.targets = {"u", "v"};
  const train::SavedModel saved =
      read(made_model(config, quantities, folder.path()), folder.path());
  const auto source = [&](const std::string& cell) {
    write_bytes(folder / "new.csv", "a\n1\n" + cell + "\n");
    train::SourceOptions options;
    options.data = folder / "new.csv";
    options.csv = saved.pipeline.csv_options();
    options.csv.targets.clear();
    options.csv.target = "none";
    options.need_targets = false;
    return train::load_source(options);
  };
  CHECK(all(isfinite(train::predict(saved, source("1e6")))).item<bool>());
  for (const char* cell : {"3e38", "-3e38", "1e37"}) {
    train::Source table = source(cell);
    bool finite = false;
    std::string text;
    try {
      finite = all(isfinite(train::predict(saved, table))).item<bool>();
    } catch (const Error& e) {
      text = e.what();
    }
    CHECK((finite || text.find("new.csv:3: ") != std::string::npos));
  }
  train::Source narrow = source("1");
  narrow.table->cells[1] = 1e300;
  CHECK_THROWS_WITH(train::predict(saved, narrow),
                    contains("new.csv:3: column \"a\" has 1e+300") && contains("float32"));
}

TEST_CASE("quantities that the model's numbers cannot hold come back in their units") {
  const TemporaryFolder folder;
  train::Config config;
  config.csv.targets = {"u"};
  config.precision = "float64";
  const train::Prepared data = train::prepare(config, [&] {
    train::Config c = config;
    c.data = folder / "t.csv";
    write_bytes(c.data, "a,u\n1,1e300\n2,2e300\n3,3e300\n4,1e300\n5,2e300\n");
    return train::load_source(train::source_options(c));
  }());
  const Tensor ones_of_float32 = ones({1, 1});
  const double back = data.pipeline.unscale(ones_of_float32).item();
  CHECK(back > 1e300);
  CHECK(std::isfinite(back));
}
