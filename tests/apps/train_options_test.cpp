// Flags that change nothing, values that are none, devices, and how commands end.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "apps/train_command.hpp"
#include "gradus/gradus.hpp"
#include "gradus/io/npy.hpp"
#include "support/catch.hpp"

using namespace gradus::test;
namespace fs = std::filesystem;

namespace {

std::string table() {
  std::string rows = "a,kind\n";
  for (int i = 0; i < 40; ++i) rows += std::to_string(i) + (i % 2 ? ",x\n" : ",y\n");
  return rows;
}

gradus::Tensor two_classes() {
  std::vector<gradus::Index> labels(40);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<gradus::Index>(i % 2);
  return gradus::from_vector(labels);
}

/// One line on stderr, in the form of all messages.
void check_refusal(const Ran& ran, int status, const std::string& text) {
  CHECK(ran.status == status);
  CHECK_THAT(ran.err, contains(text));
  CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
  CHECK(ran.err.starts_with("train: ["));
}

}  // namespace

TEST_CASE("a flag that would change nothing is refused") {
  const TemporaryFolder folder;
  const std::string csv = "--data " + write(folder, "t.csv", table());
  gradus::io::write_npy(folder / "x.npy", gradus::ones({40, 3}));
  gradus::io::write_npy(folder / "y.npy", two_classes());
  gradus::io::write_npz(folder / "b.npz", {{"x", gradus::ones({40, 3})}, {"y", two_classes()}});
  const std::pair<std::string, std::string> cases[] = {
      {csv + " --labels y.npy", "--labels"},
      {"--data b.npz --labels y.npy", "--labels"},
      {"--data digits --labels y.npy", "--labels"},
      {"--data moons --target a", "--target"},
      {"--data x.npy --labels y.npy --decimal ,", "--decimal"},
      {"--data moons --drop-bad-rows", "--drop-bad-rows"},
      {csv + " --samples 10", "--samples"},
      {"--samples 10", "--samples"},
      {csv + " --noise 0.1", "--noise"},
      {"--data blobs --noise 0", "--noise"},
      {"--data moons --classes 3", "--classes"},
      {"--data spirals --features 3", "--features"},
      {csv + " --indicators", "--indicators"},
      {csv + " --embedding 4", "--embedding"},
      {"--data moons --hidden none --activation tanh", "--activation"},
      {"--data moons --hidden none --dropout 0.1", "--dropout"},
      {"--data moons --hidden 16,8 --residual", "--residual"},
      {"--data moons --target-scaler minmax", "--target-scaler"},
      {"--data sine --balance", "--balance"},
      {"--data moons --loss hinge --balance", "--balance"},
      {"--data sine --label-smoothing 0.1", "--label-smoothing"},
      {"--data moons --loss focal --label-smoothing 0.1", "--label-smoothing"},
      {"--data sine --monitor accuracy", "--monitor"},
      {"--data moons --optimizer lbfgs --clip-norm 0 --weight-decay 0.1", "--weight-decay"},
      {"--data moons --gamma 0.5", "--gamma"},
      {"--data moons --step-size 3", "--step-size"},
      {"--data moons --schedule onecycle --warmup 0.2", "--warmup"},
      {"--data moons --folds 3 --test 0.4", "--test"},
      {"--data moons --folds 3 --repeat 2", "--repeat"},
      {"--data moons --repeat 2 --run r", "--run"},
      {"--data moons --folds 3 --tensorboard", "--tensorboard"},
      {"--data moons --repeat 2 --checkpoint-every 3s", "--checkpoint-every"},
      {"--data moons --overwrite", "--overwrite"},
      {"check --data moons --target a", "--target"},
      {"find-lr --data moons --labels y.npy", "--labels"},
  };
  for (const auto& [options, flag] : cases) {
    INFO(options);
    check_refusal(train(folder, options), 2, flag + " was given, and would change nothing; ");
    CHECK_FALSE(fs::exists(folder / "runs"));
  }
  // What asks for nothing is no fault.
  CHECK(train(folder, quick + "--run r --samples 0 --labels '' --label-smoothing 0 --decimal .")
            .status == 0);
  CHECK_THAT(train(folder, quick + "--run s --prefetch 65").err,
             contains("--prefetch 65: 0 to 64"));
  CHECK_THAT(train(folder, quick + "--run s --schedule plateau --gamma 3").err,
             contains("--gamma 3: with --schedule plateau a number between 0 and 1"));
}

TEST_CASE("flags of other data than the model's are refused, and labels belong to their inputs") {
  const TemporaryFolder folder;
  gradus::io::write_npy(folder / "x.npy", gradus::randn({40, 3}));
  gradus::io::write_npy(folder / "y.npy", two_classes());
  REQUIRE(
      train(folder, "--data x.npy --labels y.npy --epochs 1 --hidden 4 --quiet --run r").status ==
      0);
  check_refusal(train(folder, "evaluate r --data x.npy --labels y.npy --header yes"), 2,
                "--header");
  check_refusal(train(folder, "predict r --data x.npy --delimiter tab"), 2, "--delimiter");
  CHECK(train(folder, "evaluate r --data x.npy --labels y.npy").status == 0);
  // Those of the training are not the labels of other inputs.
  const Ran ran = train(folder, "evaluate r --data x.npy");
  CHECK(ran.status == 3);
  CHECK_THAT(ran.err, contains("target"));
}

TEST_CASE("what check and find-lr take but do not use is said") {
  const TemporaryFolder folder;
  CHECK_THAT(train(folder, "find-lr --data moons --steps 20 --epochs 3 --ema 0.9").err,
             contains("find-lr does not use --ema, --epochs"));
  CHECK_THAT(train(folder, "check --data moons --patience 3").err,
             contains("check does not use --patience"));
}

TEST_CASE("values that a flag cannot take are refused in the form of all messages") {
  const TemporaryFolder folder;
  REQUIRE(train(folder, quick + "--run r").status == 0);
  const std::pair<std::string, std::string> cases[] = {
      {"explain r --sample x", "[explain] --sample x was given; a whole number is required"},
      {"explain r --sample 1.5", "[explain] --sample 1.5 was given; a whole number is required"},
      {"explain r --sample ''", "[explain] --sample  was given; a whole number is required"},
      {"explain r --sample 99999999999999999999", "a whole number is required"},
      {"explain r --sample -1", "[explain] --sample -1 was given; 0 to 399 is required"},
      {"explain r --sample", "[explain] --sample was given without a value; one is required"},
      {"find-lr --low a", "[find-lr] --low a was given; a number is required"},
      {"find-lr --steps 1e3", "[find-lr] --steps 1e3 was given; a whole number is required"},
      {"find-lr --low 0", "[find-lr] --low 0 --high "},
      {"--data", "[fit] --data was given without a value; one is required"},
      {"--lr", "[fit] --lr was given without a value; one is required"},
      {"evaluate",
       "[evaluate] no MODEL or --model was given; run folder or model file is required"},
      {"resume", "[resume] no RUN or --run was given; the folder of the run is required"},
      {"predict r --out", "[predict] --out was given without a value"},
      {"inspect r --model r",
       "[inspect] MODEL or --model was given 2 times; one value is required"},
      {"--quiet=perhaps --data xor", "[fit] --quiet"},
      {"evaluat r", "[train] there is no command evaluat"},
      {"--epoch 3", "[fit] there is no flag --epoch; did you mean --epochs"},
      {"inspect r s", "[inspect] s was given, and was not expected"},
  };
  for (const auto& [options, text] : cases) {
    INFO(options);
    check_refusal(train(folder, options), 2, text);
  }
}

TEST_CASE("devices are not read, and pipes are, to their end") {
  const TemporaryFolder folder;
  const std::string csv = write(folder, "t.csv", table());
  REQUIRE(train(folder, "--data " + csv + " --epochs 1 --hidden 4 --quiet --run r").status == 0);
  fs::create_symlink("/dev/zero", folder / "m.npz");
  fs::create_symlink("/dev/zero", folder / "m.npy");
  fs::create_symlink("/dev/urandom", folder / "model.safetensors");
  for (const std::string options :
       {"inspect /dev/zero", "inspect model.safetensors", "evaluate /dev/zero",
        "evaluate r --data /dev/zero", "predict r --data /dev/urandom",
        "explain r --data /dev/zero", "--data /dev/zero", "--data m.npz", "--data m.npy",
        "--data r/../m.npy --labels m.npy", "--config /dev/zero", "find-lr --data /dev/zero",
        "check --data /dev/zero", "predict r </dev/zero", "--data - </dev/urandom"}) {
    INFO(options);
    const Ran ran =
        run("(cd '" + folder.path() + "' && timeout 20 " + program("train") + " " + options + ")");
    check_refusal(ran, 3, "is a device; a regular file or a pipe, which have an end, is required");
  }
  fs::remove(folder / "r/history.jsonl");
  fs::create_symlink("/dev/zero", folder / "r/history.jsonl");
  CHECK(train(folder, "report r --out p.html").status == 0);
  const Ran piped = run("(cd '" + folder.path() + "' && cat t.csv | " + program("train") +
                        " evaluate r --data /dev/stdin)");
  CHECK(piped.status == 0);
  const Ran from_pipe = run("cd '" + folder.path() + "' && mkfifo f && (cat t.csv >f & " +
                            program("train") + " evaluate r --data f)");
  CHECK(from_pipe.status == 0);
  CHECK_THAT(from_pipe.out, contains("40 samples"));
  const std::string big = folder / "big.json";
  write_bytes(big, "{}");
  fs::resize_file(big, std::uintmax_t{1} << 30);
  CHECK_THAT(train(folder, "--config big.json").err,
             contains("big.json: has 1073741824 bytes; at most 16777216 are required"));
}

TEST_CASE("numbers beyond float32 are named with their place, and taken as float64") {
  const TemporaryFolder folder;
  gradus::Tensor x = gradus::randn({40, 3}, gradus::float64);
  x.mutable_data<double>()[7] = 1e300;
  gradus::io::write_npy(folder / "big.npy", x);
  gradus::io::write_npy(folder / "y.npy", two_classes());
  const Ran ran = train(folder, "--data big.npy --labels y.npy --run r");
  CHECK(ran.status == 3);
  CHECK_THAT(
      ran.err,
      contains("big.npy: the inputs hold 1 value that is too large for float32, the first in "
               "sample 2 at place 1 (1e+300)") &&
          contains("--precision float64"));
}

TEST_CASE("a run goes on to its end when the reader of its output leaves") {
  const TemporaryFolder folder;
  write_bytes(folder / "s.sh", "set -o pipefail\ncd '" + folder.path() + "'\n" + program("train") +
                                   " --data moons --hidden 8 --epochs 300 --run r | head -1\n");
  const Ran left = run("bash '" + (folder / "s.sh") + "'");
  CHECK(left.status == 141);
  CHECK_THAT(left.err, contains("train: the reader of the output has left; the run has gone on"));
  CHECK(fs::exists(folder / "r/model.safetensors"));
  CHECK(fs::exists(folder / "r/checkpoint.safetensors"));
  const std::string log = read_bytes(folder / "r/log.csv");
  CHECK(std::count(log.begin(), log.end(), '\n') == 301);
}

TEST_CASE("signals end the commands that save nothing with a line and their status") {
  const TemporaryFolder folder;
  REQUIRE(train(folder, quick + "--run r").status == 0);
  REQUIRE(::mkfifo((folder / "f").c_str(), 0600) == 0);
  const std::pair<std::string, int> signals[] = {{"INT", 130}, {"TERM", 143}, {"HUP", 129}};
  for (const auto& [name, status] : signals)
    for (const char* options :
         {"evaluate r --data f", "predict r --data f --out o", "explain r --data f --out o",
          "inspect f", "check --data f", "find-lr --data f --out o", "--data f --run s"}) {
      INFO(name << " " << options);
      // The signal comes once it has opened the pipe and waits for what that will give.
      const Ran ran = run("cd '" + folder.path() + "' && { (exec 3>f; kill -s " + name +
                          " $$; sleep 1) & exec " + program("train") + " " + options + "; }");
      CHECK(ran.status == status);
      CHECK(ran.err == "train: interrupted\n");
      CHECK(ran.out.empty());
      CHECK_FALSE(fs::exists(folder / "o"));
      CHECK_FALSE(fs::exists(folder / "s"));
    }
}

TEST_CASE("a run whose first step was its last leaves nothing") {
  const TemporaryFolder folder;
  for (const char* options :
       {"--data xor --lr 1e30", "--data xor --lr 1e30 --run a --quiet",
        "--data sine --target-scaler none --optimizer sgd --lr 1e30 --clip-norm 0 --run a",
        "--data xor --lr 1e30 --run above/a --report no"}) {
    INFO(options);
    const Ran ran = train(folder, options);
    CHECK(ran.status == 4);
    CHECK_THAT(ran.err, contains("nothing was learned"));
    CHECK_FALSE(fs::exists(folder / "runs"));
    CHECK_FALSE(fs::exists(folder / "a"));
    CHECK_FALSE(fs::exists(folder / "above"));
  }
  for (const char* options :
       {"--data xor --clip-norm 1 --clip-value 1", "--data sine --sampler weighted",
        "--data xor --test 0 --validation 0 --monitor loss"}) {
    INFO(options);
    CHECK(train(folder, options).status == 3);
    CHECK_FALSE(fs::exists(folder / "runs"));
  }
  // A folder that was there stays, as it was.
  fs::create_directory(folder / "mine");
  CHECK(train(folder, "--data xor --lr 1e30 --run mine").status == 4);
  CHECK(fs::is_directory(folder / "mine"));
  CHECK(fs::is_empty(folder / "mine"));
}

TEST_CASE("lists in files of settings hold texts with commas") {
  const TemporaryFolder folder;
  std::string rows = "\"a,b\",c,\"k,l\"\n";
  for (int i = 0; i < 40; ++i) rows += std::to_string(i) + ",n/a," + (i % 2 ? "x" : "y") + "\n";
  write(folder, "t.csv", rows);
  for (const auto& [name, text] :
       {std::pair<std::string, std::string>{
            "c.json", R"({"data": "t.csv", "target": ["k,l"], "ignore": ["c"], "epochs": 1})"},
        {"c.toml", "data = 't.csv'\ntarget = ['k,l']\nignore = ['c']\nepochs = 1\n"}}) {
    INFO(name);
    write(folder, name, text);
    const Ran ran = train(folder, "--config " + name + " --hidden 4 --overwrite --run r");
    CHECK(ran.err == "");
    CHECK_THAT(ran.out, contains("40 rows, 1 features"));
    // The settings that were kept read back as they were.
    CHECK_THAT(read_bytes(folder / "r/config.json"), contains("\"k,l\""));
    CHECK(train(folder, "--config r/config.json --overwrite --run r").status == 0);
  }
  for (const char* text :
       {R"({"lr": [1]})", R"({"data": ["a.csv", "b.csv"]})", R"({"ignore": [null]})"}) {
    INFO(text);
    write(folder, "bad.json", text);
    check_refusal(train(folder, "--config bad.json"), 2, "[config] bad.json: --");
  }
  write(folder, "bad.toml", "epochs = 1\nlr = [1, 2]\n");
  check_refusal(train(folder, "--config bad.toml"), 2, "bad.toml:2: --lr: a list was given");
}
