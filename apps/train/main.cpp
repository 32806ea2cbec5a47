// Trains multi-layer perceptrons on tables of numbers and tells why one does not learn; without
// arguments, on handwritten digits.
//
//   $ ./dev train
//   $ ./dev train fit --data flowers.csv --target species
//   $ ./dev train predict --model runs/flowers-1 --data more.csv
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <gradus/error.hpp>
#include <gradus/io/file.hpp>
#include <gradus/train.hpp>
#include <new>

#include "command_line.hpp"
#include "commands.hpp"
#include "signals.hpp"

using namespace gradus;

namespace {

struct Command {
  const char* name;
  int (*run)(int argc, char** argv);
  const char* help;
};

constexpr Command commands[] = {
    {"fit", command_fit, "train a model on a table, on images or on a set by name (the default)"},
    {"evaluate", command_evaluate, "measure a trained model on data with targets"},
    {"predict", command_predict, "apply a trained model: CSV in, CSV out"},
    {"find-lr", command_find_lr, "sweep over learning rates and suggest one"},
    {"check", command_check, "check gradients, learn one batch by heart, look for mistakes"},
    {"explain", command_explain, "write a page that goes through one step of a small model"},
    {"resume", command_resume, "go on with a run that was interrupted"},
    {"report", command_report, "write the report of a run again"},
    {"inspect", command_inspect, "show a model's layers, shapes and parameters"},
    {"doctor", command_doctor, "show what this program runs on, for reports of faults"},
};

void print_help() {
  std::printf("usage: train [COMMAND] [OPTIONS]\n\n");
  for (const Command& command : commands) std::printf("  %-10s %s\n", command.name, command.help);
  std::printf(
      "\ntrain COMMAND --help lists the options of a command. Exit status: 0 fine, 2 usage, 3 "
      "input,\n4 values that are not finite, 5 file system, 6 run folder in use, 130 interrupted "
      "(129, 143: by "
      "SIGHUP,\nSIGTERM), 141 the reader of the output has left.\n");
}

int dispatch(int argc, char** argv) {
  if (argc < 2) return command_fit(argc, argv);
  const char* word = argv[1];
  if (!std::strcmp(word, "help") || !std::strcmp(word, "--help") || !std::strcmp(word, "-h")) {
    print_help();
    return Exit::fine;
  }
  if (word[0] == '-') return command_fit(argc, argv);
  std::vector<std::string> names;
  for (const Command& command : commands) {
    if (!std::strcmp(word, command.name)) return command.run(argc - 1, argv + 1);
    names.emplace_back(command.name);
  }
  throw UsageError("there is no command " + std::string(word) + "; did you mean " +
                   nearest_name(word, names) + "?");
}

/// A list of the library's, one item a line, in one line.
std::string in_one_line(std::string text) {
  const std::string separator = "\n  ";
  for (std::size_t at = 0; (at = text.find(separator, at)) != text.npos;)
    text.replace(at, separator.size(), at > 0 && text[at - 1] == ':' ? " " : "; ");
  return text;
}

int complain(const std::exception& error, int status) {
  std::fflush(stdout);
  std::fprintf(stderr, "train: %s\n", printable(in_flags(in_one_line(error.what()))).c_str());
  return status;
}

/// What was wrong with the arguments, said by the command that they were for.
int complain_of_usage(const UsageError& error, int argc, char** argv) {
  std::string name = argc > 1 ? argv[1] : "fit";
  if (std::none_of(std::begin(commands), std::end(commands),
                   [&](const Command& command) { return name == command.name; }))
    name = name[0] == '-' ? "fit" : "train";
  return complain(UsageError("[" + name + "] " + error.what()), Exit::usage);
}

/// Runs the command; what it printed has arrived, or the status says so.
int run(int argc, char** argv) {
  const int status = dispatch(argc, argv);
  if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return status;
  if (reader_has_left()) {
    std::fprintf(stderr, "train: the reader of the output has left; the run has gone on\n");
    return status == Exit::fine ? int{Exit::reader_left} : status;
  }
  throw io::FileError(
      "[train] standard output: writing failed; a place that takes all of the output is "
      "required; "
      "is the disk full?");
}

}  // namespace

int main(int argc, char** argv) {
  end_at_signals();
  try {
    return run(argc, argv);
  } catch (const UsageError& error) {
    return complain_of_usage(error, argc, argv);
  } catch (const train::ConfigError& error) {
    return complain(error, Exit::usage);
  } catch (const train::RunBusyError& error) {
    return complain(error, Exit::busy);
  } catch (const Interrupted& error) {
    return complain(error, Signals::status());
  } catch (const io::FileError& error) {
    return complain(error, Exit::file_system);
  } catch (const train::NonFiniteError& error) {
    return complain(error, Exit::non_finite);
  } catch (const Error& error) {
    return complain(error, Exit::bad_input);
  } catch (const std::bad_alloc&) {
    return complain(Error("[train] there is not enough memory for what was asked; fewer or smaller "
                          "data, layers or batches are required"),
                    Exit::bad_input);
  } catch (const std::exception& error) {
    return complain(error, Exit::failed);
  }
}
