#include <algorithm>
#include <filesystem>

#include "apps/train_command.hpp"
#include "gradus/io/safetensors.hpp"
#include "support/catch.hpp"

using namespace gradus::test;

namespace {

/// Without the column of seconds.
std::string without_times(const std::string& out) {
  std::string kept;
  for (std::size_t i = 0; i < out.size();) {
    const std::size_t end = out.find('\n', i);
    std::string line = out.substr(i, end - i);
    if (line.ends_with("s") && line.find('/') != std::string::npos)
      line = line.substr(0, line.find_last_of(' '));
    kept += line + "\n";
    i = end + 1;
  }
  return kept;
}

}  // namespace

TEST_CASE("train learns the digits, prints one line an epoch in a pipe and saves the model") {
  const TemporaryFolder folder;
  const Ran ran = train(folder, "--epochs 3 --hidden 64");
  CHECK(ran.status == 0);
  CHECK(ran.err == "");
  CHECK_THAT(ran.out,
             contains("1258 training, 180 validation and 359 test samples; 4810 parameters"));
  CHECK_THAT(ran.out, contains("train loss"));
  CHECK_THAT(ran.out, contains("   3/3"));
  CHECK(ran.out.find('\r') == std::string::npos);
  const std::size_t at = ran.out.find("test accuracy ");
  REQUIRE(at != std::string::npos);
  CHECK(std::stod(ran.out.substr(at + 14)) > 90);
  const gradus::io::SafeTensors saved =
      gradus::io::read_safetensors(folder / "runs/digits-1/model.safetensors");
  CHECK(saved.at("fc1.weight").shape() == gradus::Shape{64, 64});
  CHECK(saved.at("scaler.shift").shape() == gradus::Shape{64});
}

TEST_CASE("the same train command prints the same numbers, another seed prints others") {
  const TemporaryFolder folder;
  const std::string options = "--epochs 2 --hidden 32 --dropout 0.5";
  const std::string first = without_times(train(folder, options + " --run a").out);
  CHECK(first == without_times(train(folder, options + " --run a --overwrite").out));
  CHECK(first != without_times(train(folder, options + " --run a --overwrite --seed 1").out));
}

TEST_CASE("train reads a table of one's own, for classes and for quantities") {
  const TemporaryFolder folder;
  std::string classes = "a,b,kind\n", quantities = "x,y\n";
  for (int i = 0; i < 60; ++i) {
    const std::string n = std::to_string(i % 10);
    classes += n + "," + std::to_string(i % 7) + "," + (i % 10 < 5 ? "low" : "high") + "\n";
    quantities += n + "." + std::to_string(i % 7) + "," + std::to_string(2 * (i % 10)) + ".5\n";
  }
  const Ran labels = train(folder, "--data " + write(folder, "c.csv", classes) +
                                       " --target kind --hidden 8 --epochs 30");
  CHECK(labels.status == 0);
  CHECK_THAT(labels.out, contains("test accuracy "));
  const Ran numbers = train(
      folder, "--data " + write(folder, "q.csv", quantities) + " --target y --hidden 8 --epochs 2");
  CHECK(numbers.status == 0);
  CHECK_THAT(numbers.out, contains("test loss "));
}

TEST_CASE("a run folder is not used again without --overwrite, and new runs get new names") {
  const TemporaryFolder folder;
  const std::string quick = "--epochs 1 --hidden 8 --quiet";
  CHECK(train(folder, quick).status == 0);
  CHECK(train(folder, quick).status == 0);
  CHECK(std::filesystem::exists(folder / "runs/digits-1/model.safetensors"));
  CHECK(std::filesystem::exists(folder / "runs/digits-2/config.json"));
  const std::string before = read_bytes(folder / "runs/digits-1/model.safetensors");
  const Ran again = train(folder, quick + " --run runs/digits-1");
  CHECK(again.status == 5);
  CHECK_THAT(again.err, contains("--overwrite"));
  CHECK(read_bytes(folder / "runs/digits-1/model.safetensors") == before);
  CHECK(train(folder, quick + " --run runs/digits-1 --seed 3 --overwrite").status == 0);
  CHECK(read_bytes(folder / "runs/digits-1/model.safetensors") != before);
  // Only files of a run are replaced.
  write_bytes(folder / "runs/digits-1/thesis.txt", "a year of work");
  const Ran refused = train(folder, quick + " --run runs/digits-1 --overwrite");
  CHECK(refused.status == 5);
  CHECK_THAT(refused.err, contains("thesis.txt"));
  CHECK(read_bytes(folder / "runs/digits-1/thesis.txt") == "a year of work");
}

TEST_CASE("a saved model predicts and is measured with the preprocessing of its training") {
  const TemporaryFolder folder;
  std::string rows = "size,colour,kind\n";
  for (int i = 0; i < 120; ++i)
    rows += std::to_string(i % 10) + (i % 3 ? ",red," : ",\"dark, blue\",") +
            (i % 10 < 5 ? "low" : "high") + "\n";
  const std::string data = write(folder, "c.csv", rows);
  REQUIRE(train(folder, "--data " + data + " --hidden 16 --epochs 60 --quiet --run r").status == 0);
  const Ran measured = train(folder, "evaluate r --data " + data);
  CHECK(measured.status == 0);
  CHECK_THAT(measured.out, contains("120 samples"));
  CHECK_THAT(measured.out, contains("accuracy 100.00 %"));
  CHECK_THAT(train(folder, "evaluate r").out, contains("24 samples"));

  const std::string three =
      write(folder, "three.csv", "colour,size\nred,1\n\"dark, blue\",9\nred,2\n");
  const Ran predicted = train(folder, "predict r --data " + three);
  CHECK(predicted.status == 0);
  CHECK_THAT(predicted.out, contains("prediction,p(high),p(low)\nlow,0."));
  CHECK(std::count(predicted.out.begin(), predicted.out.end(), '\n') == 4);
  const Ran piped = run("(cd '" + folder.path() + "' && cat " + three + " | " + program("train") +
                        " predict r --out p.csv)");
  CHECK(piped.status == 0);
  CHECK(read_bytes(folder / "p.csv") == predicted.out);

  const Ran shown = train(folder, "inspect r");
  CHECK(shown.status == 0);
  CHECK_THAT(shown.out, contains("high, low"));
  CHECK_THAT(shown.out, contains("fc1.weight"));

  struct Case {
    std::string rows, text;
  };
  const Case cases[] = {
      {"size\n1\n", "column \"colour\" is missing"},
      {"sise,color\n1,red\n",
       "column \"size\" is missing, the most similar one is \"sise\"; "
       "column \"colour\" is missing, the most similar one is \"color\""},
      {"size,colour\n1,green\n", "bad.csv:2: column \"colour\" has \"green\"; it was trained on"},
      {"size,colour\n1,red\n,red\n", "bad.csv:3: column \"size\" has a missing value"},
      {"size,colour\nbig,red\n", "bad.csv:2:1"},
  };
  for (const Case& c : cases) {
    INFO(c.rows);
    const Ran bad = train(folder, "predict r --data " + write(folder, "bad.csv", c.rows));
    CHECK(bad.status == 3);
    CHECK_THAT(bad.err, contains(c.text));
    CHECK(bad.out == "");
  }
}

TEST_CASE("cross-validation and repeated training print mean and deviation") {
  const TemporaryFolder folder;
  const Ran folds = train(folder, "--folds 3 --epochs 2 --hidden 16 --samples 60 --data blobs");
  CHECK(folds.status == 0);
  CHECK_THAT(folds.out, contains("fold 3: test accuracy"));
  CHECK_THAT(folds.out, contains("deviation"));
  const Ran repeated = train(folder, "--repeat 2 --epochs 2 --hidden 16 --data sine");
  CHECK(repeated.status == 0);
  CHECK_THAT(repeated.out, contains("over 2 runs"));
  CHECK_FALSE(std::filesystem::exists(folder / "runs"));
}

TEST_CASE("SIGINT ends the step, saves and exits with 130, and the run can be gone on with") {
  const TemporaryFolder folder;
  const std::string interrupt =
      "cd '" + folder.path() + "' && exec timeout --foreground --preserve-status -s INT 2 ";
  const Ran first = run(interrupt + program("train") + " --epochs 1000000 --hidden 16 --run r");
  CHECK(first.status == 130);
  CHECK_THAT(first.err, contains("train resume r"));
  CHECK(std::filesystem::exists(folder / "r/model.safetensors"));
  const std::string log = read_bytes(folder / "r/log.csv");
  CHECK(std::count(log.begin(), log.end(), '\n') >= 2);
  const Ran again = run(interrupt + program("train") + " resume r");
  CHECK(again.status == 130);
  const std::string longer = read_bytes(folder / "r/log.csv");
  CHECK(longer.size() > log.size());
  CHECK(longer.starts_with(log.substr(0, log.find('\n', log.find('\n') + 1))));
}

TEST_CASE("a run that fails leaves the run that it was to replace as it was") {
  const TemporaryFolder folder;
  REQUIRE(train(folder, "--epochs 1 --hidden 8 --quiet --run r").status == 0);
  const std::string model = read_bytes(folder / "r/model.safetensors");
  const Ran ran = train(folder,
                        "--optimizer sgd --lr 1e30 --clip-norm 0 --hidden 8 --epochs 3 --run r "
                        "--overwrite --data sine --target-scaler none");
  CHECK(ran.status == 4);
  CHECK(read_bytes(folder / "r/model.safetensors") == model);
  CHECK_FALSE(std::filesystem::exists(folder / "r.new"));
}

TEST_CASE("a finished run has its files, and its report can be written again") {
  const TemporaryFolder folder;
  REQUIRE(train(folder, "--data moons --hidden 128,128 --epochs 3 --quiet --run r --tensorboard")
              .status == 0);
  for (const char* file : {"config.json", "model.safetensors", "checkpoint.safetensors",
                           "history.jsonl", "log.csv", "report.html", "tensorboard"})
    CHECK(std::filesystem::exists(folder / ("r/" + std::string(file))));
  CHECK(train(folder, "report r --out again.html").status == 0);
  CHECK_THAT(read_bytes(folder / "again.html"), contains("<html"));
  CHECK(train(folder, "explain r --out step.html --sample 2").status == 3);  // too many units
  REQUIRE(train(folder, "--data xor --epochs 3 --hidden 4 --quiet --run x").status == 0);
  CHECK(train(folder, "explain x --out step.html --sample 2").status == 0);
  CHECK(train(folder, "explain x --sample 2000").status == 2);
}

TEST_CASE("train find-lr suggests a rate") {
  const TemporaryFolder folder;
  const Ran ran = train(folder, "find-lr --data moons");
  CHECK(ran.status == 0);
  CHECK_THAT(ran.out, contains("try --lr "));
  for (const char* options : {"--steps 3", "--low 0", "--low 1 --high 0.5", "--high inf"}) {
    INFO(options);
    const Ran refused = train(folder, std::string("find-lr ") + options);
    CHECK(refused.status == 2);
    CHECK(refused.err.find("find_lr") == std::string::npos);
  }
  CHECK(train(folder, "find-lr --data moons --quiet --out lr.html").status == 0);
  const std::string page = read_bytes(folder / "lr.html");
  CHECK_THAT(page, contains("\"name\":\"steepest\"") && contains("\"name\":\"valley\""));
}

TEST_CASE("the report of a run has validation and test part, and names the epoch it kept") {
  const TemporaryFolder folder;
  REQUIRE(train(folder, "--epochs 3 --hidden 16 --quiet --run r").status == 0);
  const std::string page = read_bytes(folder / "r/report.html");
  for (const char* text : {"\"part\":\"validation\"", "\"part\":\"test\"", "\"kept\":4",
                           "\"best_epoch\":3", "\"layers\":[{", "\"grad_norms\":{"})
    CHECK_THAT(page, contains(text));
  // Written again, it shows the same weights and answers.
  REQUIRE(train(folder, "report r --out again.html").status == 0);
  const std::string again = read_bytes(folder / "again.html");
  for (const char* part : {"\"kept\":4", "\"best_epoch\":3"}) CHECK_THAT(again, contains(part));
  const auto judged = [](const std::string& html) {
    const std::size_t at = html.find("\"judged\":");
    REQUIRE(at != std::string::npos);
    return html.substr(at, html.find("\"model\":", at) - at);
  };
  CHECK(judged(again).substr(0, 2000) == judged(page).substr(0, 2000));
}

TEST_CASE("duplicates are told for each part") {
  const TemporaryFolder folder;
  std::string rows = "a,b,kind\n";
  for (int i = 0; i < 400; ++i)
    rows += std::to_string(i % 20) + "," + std::to_string(i % 2) + (i % 2 ? ",x\n" : ",y\n");
  const Ran ran = train(
      folder, "--data " + write(folder, "twice.csv", rows) + " --epochs 1 --hidden 4 --run r");
  CHECK_THAT(ran.out, contains("40 validation samples have the same inputs as a training sample"));
  CHECK_THAT(ran.out, contains("80 test samples have the same inputs as a training sample"));
}

TEST_CASE("train check compares gradients and learns one batch by heart") {
  const TemporaryFolder folder;
  const Ran ran = train(folder, "check --data moons --activation tanh");
  CHECK(ran.status == 0);
  CHECK_THAT(ran.out, contains("gradients: right"));
  CHECK_THAT(ran.out, contains("one batch by heart: learned"));
  CHECK(train(folder, "check --data moons --lr 1e-12").status == 1);
}
