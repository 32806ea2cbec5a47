// What can be set, by flags and by files, and what is refused.
#include <algorithm>
#include <filesystem>

#include "apps/train_command.hpp"
#include "support/catch.hpp"

using namespace gradus::test;

TEST_CASE("bad input to train ends with one line on stderr and a status of its own") {
  const TemporaryFolder folder;
  struct Case {
    std::string options, text;
    int status;
  };
  const std::string ok = write(folder, "ok.csv", "a,kind\n1,x\n2,y\n3,x\n4,y\n5,x\n6,y\n");
  const Case cases[] = {
      {"--data missing.csv", "missing.csv", 3},
      {"--data moon", "moons", 3},
      {"--data " + write(folder, "empty.csv", ""), "empty.csv", 3},
      {"--data " + write(folder, "ragged.csv", "a,b\n1,2\n3\n"), "ragged.csv:3", 3},
      {"--data " + write(folder, "text.csv", "a,b\n1,2\n2,3\nx,4\n5,1\n") + " --target b",
       "text.csv:4:1", 3},
      {"--data " + ok + " --target c", "\"c\"", 3},
      {"--data " + ok + " --target kind,kind", "twice", 3},
      {"--data " + ok + " --ignore a", "no column is left", 3},
      {"--data " + ok + " --ignore kind --target kind", "left out", 3},
      {"--data " + ok + " --loss huber", "cross_entropy", 3},
      {"--data " + ok + " --loss bce_probabilities",
       "with the output \"none\"; sigmoid, or the loss bce, which takes logits, is required", 3},
      {"--data " + ok + " --loss nll --output softmax", "log_softmax, or the loss cross_entropy",
       3},
      {"--data " + write(folder, "gap.csv", "a,b\n1,2\n,3\n2,3\n"), "gap.csv:3:1", 3},
      {"--data " + write(folder, "one.csv", "a,b\n1,x\n2,x\n3,x\n"), "single class", 3},
      {"--epochs 0", "epochs", 2},
      {"--epochs 99999999999999999999", "epochs", 2},
      {"--dropout nan", "dropout", 2},
      {"--clip-norm -1", "clip-norm", 2},
      {"--label-smoothing 3 --test 2", "--label-smoothing 3: ", 2},
      {"--label-smoothing 3 --test 2", "--test 2: ", 2},
      {"--seed -1", "seed", 2},
      {"--find-lr --lr 0.1", "--lr auto", 2},
      {"--beta1 1", "--beta1 1: ", 2},
      {"--beta2 -0.5", "--beta2 -0.5: ", 2},
      {"--optimizer sgd --momentum -1", "--momentum -1: ", 2},
      {"--data xor --momentum 0.9", "--momentum 0.9: --optimizer adamw has none", 2},
      {"--data xor --optimizer sgd --beta2 0.9", "--beta2 0.9: --optimizer sgd has none", 2},
      {"--activation rleu", "relu", 2},
      {"--optimizer adma", "adam", 2},
      {"--batch-size many", "batch-size", 2},
      {"--bacth-size 3", "did you mean --batch-size?", 2},
      {"fti", "did you mean fit?", 2},
      {"fit more", "more", 2},
      {"--config " + write(folder, "bad.json", "{\"epoch\": 3}"), "\"epochs\"", 2},
      {"--config " + write(folder, "cut.json", "{\"epochs\": 3"), "cut.json", 2},
      {"--config " + write(folder, "bad.toml", "learning = 3\n"), "bad.toml", 2},
      {"--config none.json", "none.json", 3},
      {"--hidden 8 --epochs 1 --run ok.csv", "ok.csv", 5},
      {"--hidden 8 --epochs 1 --run /proc/none", "/proc/none", 5},
      {"evaluate", "--model", 2},
      {"--data none.csv", "none.csv: there is no such file or folder; a path", 3},
      {"--data circels", "did you mean \"circles\"?", 3},
      {"evaluate nothing", "nothing", 3},
      {"predict " + ok, "ok.csv", 3},
      {"inspect " + ok, "ok.csv", 3},
  };
  for (const Case& c : cases) {
    INFO(c.options);
    const Ran ran = train(folder, c.options);
    CHECK(ran.status == c.status);
    CHECK_THAT(ran.err, contains(c.text));
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
    CHECK(ran.err.find("std::") == std::string::npos);
    CHECK_FALSE(std::filesystem::exists(folder / "runs"));
  }
}

TEST_CASE("flags win over the file of settings, and the effective ones are kept") {
  const TemporaryFolder folder;
  const std::string json = write(folder, "c.json",
                                 "{\"epochs\": 2, \"hidden\": [16, 8], \"norm\": \"layer\", "
                                 "\"residual\": true, \"lr\": \"auto\"}");
  REQUIRE(train(folder, "--config " + json + " --epochs 1 --quiet --run a").status == 0);
  const std::string kept = read_bytes(folder / "a/config.json");
  CHECK_THAT(kept, contains("\"epochs\": 1"));
  CHECK_THAT(kept, contains("\"norm\": \"layer\""));
  CHECK_THAT(kept, contains("\"residual\": true"));
  CHECK_THAT(kept, contains("\"lr\": 0.002"));
  // The file that is kept is a file of settings itself.
  CHECK(train(folder, "--config a/config.json --quiet --run b").status == 0);
  const std::string toml =
      write(folder, "c.toml", "epochs = 1\nhidden = [16, 8]\nactivation = \"tanh\"\n");
  CHECK(train(folder, "--config " + toml + " --quiet --run c").status == 0);
  CHECK_THAT(read_bytes(folder / "c/config.json"), contains("\"tanh\""));
}

TEST_CASE("a TOML file of settings is read with lists over lines, comments and tables") {
  const TemporaryFolder folder;
  const std::string file =
      write(folder, "c.toml",
            "# small\nepochs = 2  # few\r\nhidden = [16, # first\n  8,\n]\n\n"
            "[run]\nquiet = true\n\"activation\" = 'tanh'\nrun = \"\\\"r\\\"\"\n"
            "ignore = [] # [[[[[[[[[[[[[[[[[[ a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r\n"
            "labels = \"[[[[[[[[[[[[[[[[[[[[\\\"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s\"\n"
            "missing-texts = [\"\"\"\n[[[[[[[[[[[[[[[[[[[[[\"\"\", '\"[[[[[[[[[[[[[[[[[[']");
  REQUIRE(train(folder, "--data xor --config " + file).status == 0);
  const std::string kept = read_bytes(folder / "\"r\"/config.json");
  CHECK_THAT(kept, contains("\"hidden\": [\n    16,\n    8\n  ]"));
  CHECK_THAT(kept, contains("\"activation\": \"tanh\"") && contains("\"epochs\": 2"));
}

TEST_CASE("a file of settings that is wrong is refused with line or key") {
  const TemporaryFolder folder;
  struct Case {
    std::string name, text, error;
  };
  const auto deep = [](const std::string& part, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += part;
    return text;
  };
  const Case cases[] = {
      {"c.toml", "epochs = 2\n\nlearning = 3\n", "c.toml:3: there is no setting \"learning\""},
      {"c.toml", "\nepochs = many", "c.toml:2: not valid TOML: "},
      {"c.toml", "\nepochs = \"many\"", "c.toml:2: --epochs many: a whole number is required"},
      {"c.toml", "batch_size = 2\n[a]\nbatch-size = 3\n",
       "c.toml:1: \"batch-size\" is set in line 3 already"},
      {"c.toml", "epochs = 2\nbatch-size 3\n", "c.toml:2: not valid TOML: "},
      {"c.toml", "hidden = [8,\n 8\nepochs = 3\n", "c.toml:3: not valid TOML: "},
      {"c.toml", "hidden = [8,\n 8\n", "c.toml:2: not valid TOML: "},
      {"c.toml", "hidden = [[8], 8]\n", "c.toml:1: the list of \"hidden\""},
      {"c.toml", "activation = \"tanh\n", "c.toml:1: not valid TOML: "},
      {"c.toml", "labels = \"C:\\users\"\n", "c.toml:1: not valid TOML: "},
      {"c.toml", "epochs = 3 4\n", "c.toml:1: not valid TOML: "},
      {"c.toml", "epochs =\n", "c.toml:1: not valid TOML: "},
      {"c.toml", "epochs = 1\n[run\n", "c.toml:2: not valid TOML: "},
      {"c.json", "{\"epochs\": 2, \"lr\": 1, \"epochs\": 2}",
       "c.json: the name \"epochs\" stands twice"},
      {"c.toml", "epochs = 2\nhidden = " + std::string(100'000, '['), "c.toml:2: tables and lists"},
      {"c.toml", "\nrun = " + deep("{a = ", 50), "c.toml:2: tables and lists are nested too"},
      {"c.toml", "[" + deep("a.", 100'000) + "a]\n", "c.toml:1: tables and lists are nested too"},
      {"c.toml", "a. 'b' ." + deep("\"c\" . ", 50'000) + "a = 1", "nested too deeply"},
      {"c.toml", "data = \"a\\u0000b\"\n", "c.toml:1: --data \"a\\x00b\": a text without"},
      {"c.toml", "[!]\n", "c.toml: not valid TOML: a name is required in brackets"},
      {"c.toml", "[\x03o", "c.toml: not valid TOML: a name is required in brackets"},
      {"c.json", "{\"hidden\": " + deep("[", 100'000), "c.json: lists and objects are nested too"},
      {"c.json", deep("{\"a\":", 100'000), "c.json: lists and objects are nested too deeply"},
      {"c.json", "{\"hidden\": [[8]]}", "c.json: --hidden is a list of lists"},
      {"c.json", "{\"data\": \"a\\u0000b\"}", "c.json: the text \"a\\x00b\" holds the character 0"},
      {"c.json", "{\"batch_size\": 2, \"batch-size\": 3}", "c.json: \"batch-size\" is set twice"},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    const Ran ran = train(folder, "--config " + write(folder, c.name, c.text));
    CHECK(ran.status == 2);
    CHECK_THAT(ran.err, contains(c.error));
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
  }
}

TEST_CASE("the settings that a run keeps hold what it took, and give the same weights again") {
  const TemporaryFolder folder;
  const auto weights = [&](const std::string& name) {  // after the header, which names the run
    const std::string file = read_bytes(folder / (name + "/model.safetensors"));
    const auto size =
        static_cast<unsigned char>(file[0]) + 256u * static_cast<unsigned char>(file[1]);
    return file.substr(8 + size);
  };
  struct Case {
    std::string options;
    std::vector<std::string> kept;
  };
  const Case cases[] = {
      {"--data moons", {"\"beta1\": 0.9", "\"beta2\": 0.999", "\"momentum\": \"auto\""}},
      {"--data moons --optimizer nesterov", {"\"momentum\": 0.9", "\"beta1\": \"auto\""}},
      {"--data blobs --optimizer muon --dropout 0.2", {"\"momentum\": 0.95", "\"beta1\": 0.9"}},
      {"--data sine --optimizer lion --beta1 0.8 --find-lr", {"\"beta1\": 0.8", "\"beta2\": 0.99"}},
      {"--data xor --optimizer lbfgs", {"\"momentum\": \"auto\"", "\"beta1\": \"auto\""}},
  };
  for (const Case& c : cases) {
    INFO(c.options);
    const std::string quick = " --overwrite --quiet --run ";
    REQUIRE(train(folder, c.options + " --epochs 2 --hidden 8" + quick + "a").status == 0);
    for (const std::string& text : c.kept)
      CHECK_THAT(read_bytes(folder / "a/config.json"), contains(text));
    REQUIRE(train(folder, "--config a/config.json" + quick + "b").status == 0);
    CHECK(weights("a") == weights("b"));
  }
}

TEST_CASE("train --find-lr trains as if the rate that it finds had been given") {
  const TemporaryFolder folder, other;
  const std::string quick = "--data moons --hidden 16 --epochs 3 --optimizer sgd ";
  const std::string tried = train(folder, "find-lr " + quick).out;
  std::string rate = tried.substr(tried.find("try --lr ") + 9);
  rate.resize(rate.find('\n'));
  const Ran found = train(folder, quick + "--find-lr --run r");
  REQUIRE(found.status == 0);
  CHECK_THAT(found.out, contains("learning rate " + rate + ":"));
  REQUIRE(train(other, quick + "--run r --lr " + rate).status == 0);
  for (const char* file : {"r/model.safetensors", "r/config.json"})
    CHECK(read_bytes(folder / file) == read_bytes(other / file));
  CHECK_THAT(read_bytes(folder / "r/report.html"), contains("\"name\":\"valley\""));
  // A run that goes on has the rate, and the curve with it.
  REQUIRE(train(folder, "resume r").status == 0);
  CHECK(read_bytes(folder / "r/config.json") == read_bytes(other / "r/config.json"));
  REQUIRE(train(folder, "report r --out again.html").status == 0);
  for (const char* page : {"r/report.html", "again.html"})
    CHECK_THAT(read_bytes(folder / page),
               contains("\"name\":\"valley\"") && contains("the suggestion."));
}

TEST_CASE("every optimizer, schedule, loss, norm and clipping trains for an epoch") {
  const TemporaryFolder folder;
  const std::string quick =
      "--data blobs --samples 60 --epochs 2 --hidden 8,8 --quiet --overwrite --run r ";
  for (const char* options : {"--optimizer sgd",
                              "--optimizer momentum",
                              "--optimizer nesterov",
                              "--optimizer adagrad",
                              "--optimizer adadelta",
                              "--optimizer rmsprop",
                              "--optimizer adam",
                              "--optimizer amsgrad",
                              "--optimizer adamax",
                              "--optimizer nadam",
                              "--optimizer radam",
                              "--optimizer lion",
                              "--optimizer muon",
                              "--optimizer lbfgs --clip-norm 0",
                              "--schedule constant",
                              "--schedule onecycle",
                              "--schedule linear",
                              "--schedule polynomial",
                              "--schedule step",
                              "--schedule exponential",
                              "--schedule restarts",
                              "--schedule cyclic",
                              "--schedule plateau",
                              "--loss focal",
                              "--loss hinge",
                              "--loss mse",
                              "--loss nll --output log_softmax",
                              "--loss bce",
                              "--classes 2",
                              "--classes 2 --output sigmoid --loss bce",
                              "--classes 2 --output softmax --loss bce_probabilities",
                              "--norm batch",
                              "--norm layer --residual",
                              "--norm rms",
                              "--clip-value 0.1",
                              "--clip-percentile 50",
                              "--ema 0.9",
                              "--accumulate 3",
                              "--l1 1e-4 --l2 1e-4",
                              "--patience 1",
                              "--balance",
                              "--sampler weighted",
                              "--sampler replacement",
                              "--precision float64",
                              "--threads 1",
                              "--monitor accuracy --validation 0.2",
                              "--scaler minmax",
                              "--init orthogonal",
                              "--data sine --loss huber",
                              "--data sine --loss gaussian_nll",
                              "--data sine --loss l1",
                              "--data sine --loss smooth_l1",
                              "--validation 0 --test 0"}) {
    INFO(options);
    const Ran ran = train(folder, quick + options);
    CHECK(ran.err == "");
    CHECK(ran.status == 0);
  }
}
