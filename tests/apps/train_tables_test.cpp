// Tables that are not as they should be, and texts that are not harmless.
#include <pty.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <functional>
#include <random>

#include "apps/train_command.hpp"
#include "gradus/gradus.hpp"
#include "gradus/train.hpp"
#include "support/catch.hpp"
#include "train/report/page.hpp"

using namespace gradus::test;
using gradus::printable;
namespace io = gradus::io;

namespace {

const std::string two_epochs = " --hidden 4 --epochs 2 --run r --overwrite ";

std::string table(int rows, const std::function<std::string(int)>& line) {
  std::string text;
  for (int i = 0; i < rows; ++i) text += line(i) + "\n";
  return text;
}

/// What a terminal shows of a command that believes to write to one.
std::string in_terminal(const std::string& command) {
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
  REQUIRE(child >= 0);
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t got; (got = read(terminal, buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(got));
  waitpid(child, nullptr, 0);
  close(terminal);
  return text;
}

/// True if a terminal would obey, hide or reorder something in the text.
bool is_dangerous(const std::string& text) {
  for (const char c : text)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f) return true;
  for (const char* hidden : {"\xe2\x80\xae", "\xc2\x9b", "\xe2\x80\x8b"})
    if (text.find(hidden) != text.npos) return true;
  return false;
}

}  // namespace

TEST_CASE("a table in Latin-1 is refused with its place, or read with --encoding, and predicted") {
  const TemporaryFolder folder;
  const std::string path = write(folder, "l.csv",
                                 "gr\xf6\xdf"
                                 "e,art\n" +
                                     table(40, [](int i) {
                                       return std::to_string(i % 7) + (i % 2 ? ",caf\xe9"
                                                                             : ",t\xe9"
                                                                               "e");
                                     }));
  const Ran refused = train(folder, "--data " + path + two_epochs);
  CHECK(refused.status == 3);
  CHECK_THAT(refused.err, contains("l.csv:1:3: the byte \\xf6 is no UTF-8") &&
                              contains("--encoding windows-1252"));
  REQUIRE(train(folder, "--data " + path + two_epochs + "--encoding latin-1").status == 0);
  const Ran predicted = train(folder, "predict r --data " + path);
  CHECK(predicted.status == 0);
  CHECK_THAT(predicted.out, contains("prediction,p(café),p(tée)\n"));
  CHECK(train(folder, "evaluate r").status == 0);
  const std::string utf8 = write(folder, "u.csv", "größe\n1\n2\n");
  CHECK(train(folder, "predict r --encoding utf-8 --data " + utf8).status == 0);
  CHECK_THAT(train(folder, "--data caf\xe9.csv").err,
             contains("--data caf\\xe9.csv: text in UTF-8"));
}

TEST_CASE("a malformed cell is named with the flags that help, wherever it stands") {
  const TemporaryFolder folder;
  for (const int odd : {0, 5, 11}) {
    const std::string path = write(folder, "n.csv", "size,price\n" + table(12, [&](int i) {
                                                      return (i == odd ? "1O" : std::to_string(i)) +
                                                             "," + std::to_string(i * 3.5);
                                                    }));
    const Ran ran = train(folder, "--data " + path + two_epochs);
    CHECK(ran.status == 3);
    CHECK_THAT(ran.err,
               contains("n.csv:" + std::to_string(odd + 2) + ":1: column \"size\" has \"1O\"") &&
                   contains("--categorical") && contains("--missing-texts") &&
                   contains("--drop-bad-rows"));
    CHECK(train(folder, "--data " + path + two_epochs + "--categorical size").status == 0);
    CHECK(
        train(folder, "--data " + path + two_epochs + "--missing-texts 1O --missing mean").status ==
        0);
    CHECK(train(folder, "--data " + path + two_epochs + "--drop-bad-rows").status == 0);
  }
}

TEST_CASE("categories outside of the training part are counted, and refused at prediction") {
  const TemporaryFolder folder;
  const std::string path =
      write(folder, "c.csv", "town,n,kind\n" + table(60, [](int i) {
                               return (i % 3 ? "here" : "only" + std::to_string(i)) + "," +
                                      std::to_string(i) + (i % 2 ? ",a" : ",b");
                             }));
  for (const std::string how : {"onehot", "embed"}) {
    const Ran ran =
        train(folder, "--data " + path + two_epochs + "--validation 0.2 --categories " + how);
    CHECK(ran.status == 0);
    CHECK_THAT(ran.out, contains("column \"town\": ") &&
                            contains("values outside of the training part are not in it"));
    CHECK(train(folder, "evaluate r").status == 0);
    CHECK(train(folder, "report r").status == 0);
    const Ran later =
        train(folder, "predict r --data " + write(folder, "p.csv", "town,n\nnew,1\n"));
    CHECK(later.status == 3);
    CHECK_THAT(later.err,
               contains("p.csv:2: column \"town\" has \"new\"") && contains("--unknown"));
  }
}

TEST_CASE("predictions are harmless in a spreadsheet, and come back as they were") {
  const TemporaryFolder folder;
  const std::string path =
      write(folder, "f.csv", "x,kind\n" + table(40, [](int i) {
                               return std::to_string(i % 2) +
                                      (i % 2 ? ",\"=HYPERLINK(\"\"http://x\"\")\"" : ",@sum");
                             }));
  REQUIRE(train(folder, "--data " + path + " --hidden 8 --epochs 60 --lr 0.05 --run r").status ==
          0);
  REQUIRE(train(folder, "predict r --out p.csv --data " + path).status == 0);
  const std::string text = read_bytes(folder / "p.csv");
  CHECK_THAT(text, contains("\n'@sum,") && contains("\n\"'=HYPERLINK(\"\"http://x\"\")\","));
  const io::RawTable back = io::parse_raw_csv(text, {.target = "none"});
  CHECK(back.columns[0].values == std::vector<std::string>{"=HYPERLINK(\"http://x\")", "@sum"});
}

TEST_CASE("nothing that a table, a path or a flag says moves the cursor") {
  const TemporaryFolder folder;
  const std::string esc = "\x1b[31mred\x1b[2J", turn = "a\xe2\x80\xaegpj",
                    c1 = "b\xc2\x9b"
                         "2J";
  const std::string path =
      write(folder, "\x1b[2Jh.csv", esc + "," + turn + "," + c1 + "\n" + table(60, [&](int i) {
                                      return std::to_string(i) + "," + (i % 3 ? esc : turn) + "," +
                                             (i % 2 ? esc : c1);
                                    }));
  const std::string fit = "--data " + path + two_epochs;
  for (const std::string& command : std::vector<std::string>{
           fit,
           fit + "--ignore '" + esc + "'",
           "--data " + path + " --target '" + esc + "x'",
           "--data '" + esc + "'",
           "--" + esc,
           "'" + esc + "'",
           "--activation '" + esc + "'",
           "--config '" + esc + ".toml'",
           "check --data " + path,
           "evaluate r",
           "inspect r",
           "inspect '" + esc + "'",
           "explain r --out '" + esc + ".html'",
           "report r",
           "predict r --data " + write(folder, "m.csv", esc + "," + c1 + "\n1,x\n"),
           "predict r --data " + write(folder, "n.csv", esc + "," + turn + "\n1," + c1 + "\n"),
           "evaluate r --data " +
               write(folder, "e.csv", esc + "," + turn + "," + c1 + "\n1," + esc + ",x\n"),
           "resume '" + esc + "'",
           fit + "--run '" + esc + "'",
           "find-lr --quiet --data " + path}) {
    INFO(printable(command));
    const Ran ran = train(folder, command);
    CHECK_FALSE(is_dangerous(ran.out));
    CHECK_FALSE(is_dangerous(ran.err));
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') <= 1);
  }
  const std::string shown = in_terminal("cd '" + folder.path() + "' && " + program("train") +
                                        " predict r --data " + path);
  CHECK_THAT(shown, contains("\\x1b[31mred"));
  std::string lines = shown;
  lines.erase(std::remove(lines.begin(), lines.end(), '\r'), lines.end());
  CHECK_FALSE(is_dangerous(lines));
}

TEST_CASE("messages of the command name its flags, not members of the library") {
  const TemporaryFolder folder;
  const auto file = [&](const std::string& name, const std::string& text) {
    return "--data " + write(folder, name, text) + " --run r --epochs 1 --hidden 4 ";
  };
  const std::string many =
      "id,y\n" + table(30, [](int i) { return "n" + std::to_string(i) + ",1"; });
  const std::string labels = file("l.csv", "a,k\n" + table(40, [](int i) {
                                             return std::to_string(i % 5) + (i % 2 ? ",p" : ",q");
                                           }));
  const std::pair<std::string, std::string> cases[] = {
      {file("1.csv", "a;y\n1,5;1\n2,25;2\n"), "set --decimal ,"},
      {file("2.csv", "a;y\n1;0.5\n2;1.5\n1,5;1.5\n"), "set --decimal ,"},
      {file("3.csv", "a,y\n1,0.5\n2,1.5\nx,1.5\n"), "--categorical"},
      {file("4.csv", "a,y\n1,0.5\n2\n"), "--drop-bad-rows"},
      {file("5.csv", many) + "--max-categories 10", "--max-categories"},
      {file("6.csv", "a,a,y\n1,2,3\n"), "--header no"},
      {file("7.csv", "a,y\n1,\n2,3\n"), "--missing drop"},
      {file("8.csv", "caf\xe9,y\n1,2\n"), "--encoding windows-1252"},
      {file("9.csv", "a,y\n1,2\n") + "--delimiter , --decimal ,", "--delimiter"},
      {file("10.csv", "y\n1\n2\n"), "--ignore"},
      {labels + "--optimizer adam --momentum 0.5", "momentum"},
      {labels + "--optimizer sgd --momentum -1", "--momentum -1"},
      {labels + "--optimizer adam --beta1 2", "--beta1 2"},
      {labels + "--optimizer lbfgs --clip-norm 1", "--clip-norm"},
      {labels + "--clip-norm 1 --clip-value 1", "--clip-value"},
      {labels + "--monitor loss --validation 0", "--monitor loss was given"},
      {labels + "--monitor accuracy --validation 0", "or choose --monitor train_loss"},
      {file("12.csv", "a,y\n1,0.5\n2,1.5\n\"\"\"\",1.5\n"),
       "has \"\\x22\" among numbers; a number"},
      {file("13\".csv", "a,y\n1,0.5\n2,1.5\nx\"y,1.5\n"), "in --missing-texts"},
      {labels + "--sampler sequential --lr 9", "--sampler random"},
      {file("11.csv",
            "a,k\n" +
                table(40, [](int i) { return std::to_string(i * 1e9) + (i % 2 ? ",p" : ",q"); })) +
           "--scaler none",
       "--scaler standard"},
  };
  for (const auto& [options, flag] : cases) {
    INFO(options);
    const Ran ran = train(folder, options + " --overwrite");
    const std::string text = ran.out + ran.err;
    CHECK_THAT(text, contains(flag));
    for (std::size_t at = 0; at < text.size(); ++at) {
      const bool begins = at == 0 || text[at - 1] == ' ' || text[at - 1] == '(';
      const bool member =
          begins && text[at] == '.' && std::islower(static_cast<unsigned char>(text[at + 1]));
      CHECK_FALSE(member);
    }
    for (const char* name : {"drop_", "max_", "clip_", "betas[", "weight_decay", "Options",
                             "StandardScaler", "::", "merge_last"})
      CHECK(text.find(name) == text.npos);
  }
}

TEST_CASE("a terminal sees the time that is left, and messages have lines of their own") {
  const TemporaryFolder folder;
  const std::string shown = in_terminal(
      "cd '" + folder.path() + "' && " + program("train") +
      " --data moons --samples 3000 --epochs 3 --hidden 64 --run r; " + "timeout -s INT 2 " +
      program("train") + " --data moons --samples 40000 --epochs 1000 --run s");
  CHECK_THAT(shown, contains("  left 0:0") && contains("test accuracy"));
  for (const char* message : {"train: the run was interrupted", "test accuracy"}) {
    const std::size_t at = shown.find(message);
    REQUIRE(at != shown.npos);
    CHECK(shown[at - 1] == '\n');
  }
}

TEST_CASE("no schedule of the command is said to disagree with the run") {
  const TemporaryFolder folder;
  for (const std::string schedule : {"constant", "cosine", "onecycle", "linear", "polynomial",
                                     "step", "exponential", "restarts", "cyclic", "plateau"})
    for (const std::string more : {"", " --accumulate 3", " --warmup 0"}) {
      INFO(schedule + more);
      const Ran ran =
          train(folder, "--data moons --hidden 8 --epochs 3 --run r --overwrite --schedule " +
                            schedule + more);
      CHECK(ran.status == 0);
      CHECK(ran.out.find("The schedule") == ran.out.npos);
      CHECK(ran.out.find("?.") == ran.out.npos);
    }
}

TEST_CASE("a rare class that weighs much is no divergence") {
  const TemporaryFolder folder;
  struct Case {
    int rows, rare;   // one row in so many
    double distance;  // of the rare class
  };
  for (const Case& c : {Case{600, 100, 0}, {1000, 200, 0}, {2000, 100, 3}}) {
    std::mt19937 random(static_cast<unsigned>(c.rows));
    const auto noise = [&] {
      double sum = 0;
      for (int i = 0; i < 6; ++i) sum += static_cast<double>(random()) / 4294967296.0;
      return sum - 3;
    };
    const std::string path =
        write(folder, "b.csv", "x,z,kind\n" + table(c.rows, [&](int i) {
                                 const bool rare = i % c.rare == 7;
                                 return std::to_string(noise() + (rare ? c.distance : 0)) + "," +
                                        std::to_string(noise()) + (rare ? ",rare" : ",common");
                               }));
    for (const std::string loss : {"bce", "cross_entropy"}) {
      INFO(c.rows << " rows, " << loss);
      const Ran ran = train(
          folder, "--balance --epochs 8 --run r --overwrite --loss " + loss + " --data " + path);
      CHECK(ran.status == 0);
      CHECK(ran.out.find("diverges") == ran.out.npos);
    }
  }
  // What does diverge is said.
  const Ran ran =
      train(folder, "--data moons --optimizer sgd --lr 300 --clip-norm 0 --epochs 8 --run d");
  CHECK_THAT(ran.out + ran.err, contains("diverges") || contains("became"));
}

TEST_CASE("what a page explains is what was computed, whatever the loss") {
  const TemporaryFolder folder;
  const std::string two = write(folder, "two.csv", "a,b,k\n" + table(60, [](int i) {
                                                     return std::to_string(i % 7) + "," +
                                                            std::to_string(i % 5) +
                                                            (i % 4 ? ",p" : ",q");
                                                   }));
  const std::string three = write(folder, "three.csv", "a,b,k\n" + table(60, [](int i) {
                                                         return std::to_string(i % 7) + "," +
                                                                std::to_string(i % 5) + ",k" +
                                                                std::to_string(i % 3);
                                                       }));
  const std::string number = write(folder, "number.csv", "a,b,k\n" + table(60, [](int i) {
                                                           return std::to_string(i % 7) + "," +
                                                                  std::to_string(i % 5) + "," +
                                                                  std::to_string(0.37 * i);
                                                         }));
  struct Case {
    std::string data, options;
    bool known;  // there is a formula for it
  };
  const Case cases[] = {
      {two, "--label-smoothing 0.2", true},
      {two, "--label-smoothing 0 --balance", true},
      {two, "--label-smoothing 0.1 --balance", true},
      {two, "--loss cross_entropy --label-smoothing 0.1 --balance", true},
      {two, "--loss mse", true},
      {three, "--label-smoothing 0.2", true},
      {three, "--label-smoothing 0", true},
      {three, "--label-smoothing 0.1 --balance", true},
      {three, "--loss bce", true},
      {three, "--loss bce --label-smoothing 0.2", true},
      {three, "--loss mse", true},
      {three, "--loss focal", false},
      {three, "--loss hinge", false},
      {three, "--loss nll --output log_softmax", false},
      {number, "--loss mse", true},
      {number, "--loss l1", true},
      {number, "--loss huber", false},
      {number, "--loss gaussian_nll", false},
  };
  for (const Case& one : cases) {
    INFO(one.options);
    REQUIRE(train(folder, "--data " + one.data + two_epochs + one.options).status == 0);
    const Ran ran = train(folder, "explain r --sample 4 --out page.html");
    if (one.options.find("log_softmax") != std::string::npos) {
      CHECK(ran.status == 3);
      continue;
    }
    REQUIRE(ran.status == 0);
    const nlohmann::json loss = page_data(read_bytes(folder / "page.html"))["loss"];
    CHECK(loss["known"] == one.known);
    if (one.options.find("smoothing 0.2") != std::string::npos)
      for (const auto& share : loss["compared"]) CHECK((share != 0 && share != 1));
  }
}
