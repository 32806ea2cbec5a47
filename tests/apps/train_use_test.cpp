// What becomes of runs and their output in less usual circumstances.
#include <filesystem>

#include "apps/train_command.hpp"
#include "gradus/gradus.hpp"
#include "gradus/io/safetensors.hpp"
#include "gradus/nn/activation.hpp"
#include "support/catch.hpp"

using namespace gradus::test;

namespace {

/// What the data of a report holds under a name, as JSON.
std::string part_of(const std::string& page, const std::string& name) {
  const std::size_t at = page.find("\"" + name + "\":");
  if (at == std::string::npos) return "";
  const std::size_t from = at + name.size() + 3;
  int depth = 0;
  bool text = false;
  for (std::size_t i = from; i < page.size(); ++i) {
    if (page[i] == '"' && page[i - 1] != '\\') text = !text;
    if (text) continue;
    depth += (page[i] == '{' || page[i] == '[') - (page[i] == '}' || page[i] == ']');
    if (depth <= 0) return page.substr(from, i - from);
  }
  return "";
}

}  // namespace

TEST_CASE("an interrupted run does not replace another one, and can be gone on with") {
  const TemporaryFolder folder;
  REQUIRE(train(folder, "--epochs 1 --hidden 8 --quiet --run r").status == 0);
  const std::string model = read_bytes(folder / "r/model.safetensors");
  const Ran ran =
      run("cd '" + folder.path() + "' && exec timeout --foreground --preserve-status -s INT 1 " +
          program("train") + " --epochs 1000000 --hidden 8 --run r --overwrite");
  CHECK(ran.status == 130);
  CHECK_THAT(ran.err, contains("the run in r stays as it was"));
  CHECK_THAT(ran.err, contains("train resume r.new"));
  CHECK_THAT(ran.out, contains("saved r.new/model.safetensors"));
  CHECK(read_bytes(folder / "r/model.safetensors") == model);
  CHECK(std::filesystem::exists(folder / "r.new/checkpoint.safetensors"));
}

TEST_CASE("a run that ends before there is a model does not say that it saved one") {
  const TemporaryFolder folder;
  const Ran ran = train(folder,
                        "--data sine --target-scaler none --optimizer sgd --lr 1e30 --clip-norm 0 "
                        "--precision float64 --hidden 8 --epochs 3 --run r");
  CHECK(ran.status == 4);
  CHECK(ran.out.find("saved") == std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder / "r/model.safetensors"));
  CHECK(std::filesystem::exists(folder / "r/report.html"));
}

TEST_CASE("the settings that a run keeps do not replace a run by themselves") {
  const TemporaryFolder folder;
  const std::string quick = "--epochs 1 --hidden 8 --quiet ";
  REQUIRE(train(folder, quick + "--run r").status == 0);
  REQUIRE(train(folder, quick + "--run r --overwrite").status == 0);
  CHECK(train(folder, "--config r/config.json").status == 5);
  CHECK_THAT(read_bytes(folder / "r/config.json"), contains("\"loss\": \"cross_entropy\""));
}

TEST_CASE("a report that is written again shows what the monitor saw and all that was found") {
  const TemporaryFolder folder;
  REQUIRE(train(folder, "--data moons --epochs 8 --hidden 16 --quiet --run r").status == 0);
  // The run ends by a loss that is not finite, after its last checkpoint.
  REQUIRE(train(folder,
                "--epochs 20 --hidden 16 --optimizer sgd --momentum 0.99 --lr 3 --clip-norm 0 "
                "--quiet --run s")
              .status == 4);
  for (const std::string& name : {std::string("r"), std::string("s")}) {
    INFO(name);
    const std::string before = read_bytes(folder / (name + "/report.html"));
    REQUIRE(train(folder, "report " + name + " --out again.html").status == 0);
    const std::string again = read_bytes(folder / "again.html");
    for (const std::string part : {"layers", "grad_norms", "findings"}) {
      const std::string found = part_of(again, part);
      CHECK(found.size() > 50 * (part != "findings" || name == "s"));
      if (name == "r") CHECK(found == part_of(before, part));
    }
  }
  const std::string again = part_of(read_bytes(folder / "again.html"), "findings");
  for (const char* kind : {"\"learning_rate_high\"", "\"non_finite\""})
    CHECK_THAT(again, contains(kind));
}

TEST_CASE("output that does not arrive is an error of the file system") {
  const TemporaryFolder folder;
  REQUIRE(train(folder, "--data xor --epochs 1 --hidden 4 --quiet --run r").status == 0);
  const Ran ran = run("(cd '" + folder.path() + "' && " + program("train") +
                      " predict r --data xor >/dev/full)");
  CHECK(ran.status == 5);
  CHECK_THAT(ran.err, contains("standard output: writing failed"));
}

TEST_CASE("cross-validation of quantities prints a loss with its digits") {
  const TemporaryFolder folder;
  const Ran ran = train(folder, "--data sine --folds 2 --epochs 60 --hidden 32");
  CHECK(ran.status == 0);
  const std::size_t at = ran.out.find("mean test loss 0.0");
  REQUIRE(at != std::string::npos);
  CHECK(std::stod(ran.out.substr(at + 15)) > 0);
}

TEST_CASE("a trained model refuses settings that only training has, and names missing targets") {
  const TemporaryFolder folder;
  std::string rows = "a,b,kind\n";
  for (int i = 0; i < 40; ++i)
    rows += std::to_string(i) + ".5," + std::to_string(i % 7) + (i < 20 ? ",low\n" : ",high\n");
  write_bytes(folder / "c.csv", rows);
  write_bytes(folder / "bad.csv", "a,b\n1,2\n3\n5,6\n");
  REQUIRE(train(folder, "--data c.csv --drop-bad-rows --epochs 2 --quiet --run r").status == 0);
  for (const char* command : {"evaluate r --scaler none", "predict r --missing drop"}) {
    const Ran ran = train(folder, command);
    CHECK(ran.status == 2);
    CHECK_THAT(ran.err, contains("there is no flag"));
  }
  const Ran measured = train(folder, "evaluate r --data bad.csv --drop-bad-rows");
  CHECK(measured.status == 3);
  CHECK_THAT(measured.err, contains("bad.csv: there is no target column \"kind\""));
  // Each row has its line in the answer, or there is none.
  const Ran predicted = train(folder, "predict r --data bad.csv");
  CHECK(predicted.status == 3);
  CHECK_THAT(predicted.err, contains("bad.csv:3"));
  CHECK(predicted.out == "");
}

TEST_CASE("several quantities are measured together and one by one") {
  const TemporaryFolder folder;
  std::string rows = "a,u,v\n";
  for (int i = 0; i < 60; ++i)
    rows += std::to_string(i) + ".5," + std::to_string(i) + ".25," + std::to_string(1000 - 7 * i) +
            "\n";
  write_bytes(folder / "q.csv", rows);
  REQUIRE(train(folder, "--data q.csv --target u,v --epochs 5 --quiet --run r").status == 0);
  const Ran ran = train(folder, "evaluate r");
  CHECK(ran.status == 0);
  CHECK_THAT(ran.out, contains("\ntarget ") && contains("\nu  ") && contains("\nv  "));
}

TEST_CASE("train inspect shows the weights of any .safetensors file") {
  const TemporaryFolder folder;
  gradus::io::write_safetensors(
      folder / "w.safetensors",
      {{"layer.weight", gradus::tensor({{1.0f, 3.0f}})}, {"layer.empty", gradus::zeros({0, 2})}});
  const Ran weights = train(folder, "inspect w.safetensors");
  CHECK(weights.status == 0);
  CHECK_THAT(weights.out, contains("weights with 2 tensors of 2 values"));
  CHECK_THAT(weights.out, contains("layer.weight") && contains("2.0000     1.0000"));
  REQUIRE(train(folder, "--data xor --epochs 1 --hidden 4 --quiet --run r").status == 0);
  const Ran checkpoint = train(folder, "inspect r/checkpoint.safetensors");
  CHECK(checkpoint.status == 0);
  CHECK_THAT(checkpoint.out, contains("checkpoint of a run") && contains("fc1.weight"));
  CHECK(checkpoint.out.find("gradus/") == std::string::npos);
}

TEST_CASE("every activation trains for an epoch") {
  const TemporaryFolder folder;
  for (const std::string& name : gradus::nn::activation_names()) {
    INFO(name);
    const Ran ran = train(folder,
                          "--data moons --samples 100 --epochs 1 --hidden 8 --quiet "
                          "--report no --run r --overwrite --activation " +
                              name);
    CHECK(ran.status == 0);
    CHECK(ran.err == "");
  }
}

TEST_CASE("what a command reads is not replaced by what it writes") {
  const TemporaryFolder folder;
  std::string rows = "a,b,k\n";
  for (int i = 0; i < 40; ++i)
    rows += std::to_string(i % 5) + "," + std::to_string(i % 3) + (i % 2 ? ",p\n" : ",q\n");
  const std::string data = write(folder, "d.csv", rows);
  REQUIRE(train(folder, "--data " + data + " --epochs 1 --hidden 4 --quiet --run r").status == 0);
  const std::string model = read_bytes(folder / "r/model.safetensors");
  const std::string checkpoint = read_bytes(folder / "r/checkpoint.safetensors");
  std::filesystem::create_symlink("r/model.safetensors", folder / "link");
  for (const std::string& options :
       {"predict r --out r/model.safetensors --data " + data, "predict r --out link --data " + data,
        "predict r/model.safetensors --out r/../link --data " + data,
        "predict r --out d.csv --data " + data, std::string("explain r --out d.csv"),
        std::string("explain r --out r/model.safetensors"),
        std::string("report r --out r/checkpoint.safetensors"),
        "find-lr --steps 10 --out d.csv --data " + data}) {
    INFO(options);
    const Ran ran = train(folder, options);
    CHECK(ran.status == 2);
    CHECK_THAT(ran.err, contains("another file is required"));
  }
  CHECK(read_bytes(folder / "r/model.safetensors") == model);
  CHECK(read_bytes(folder / "r/checkpoint.safetensors") == checkpoint);
  CHECK(read_bytes(folder / "d.csv") == rows);
  CHECK(train(folder, "predict r --out r/p.csv --data " + data).status == 0);
  CHECK(train(folder, "predict r --out r/p.csv --data " + data).status == 0);
}

TEST_CASE("a run that ended before its first checkpoint is told how to begin again") {
  const TemporaryFolder folder;
  REQUIRE(train(folder, "--data xor --epochs 1 --hidden 4 --quiet --run r").status == 0);
  std::filesystem::remove(folder / "r/checkpoint.safetensors");
  for (const char* command : {"resume r", "report r"}) {
    INFO(command);
    const Ran ran = train(folder, command);
    CHECK(ran.status == 3);
    CHECK_THAT(ran.err, contains("begin it again with --overwrite"));
  }
}
