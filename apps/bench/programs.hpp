// The programs that are measured side by side, each started as a fresh process.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "results.hpp"

namespace bench {

struct Program {
  std::string name;                  ///< "gradus", "by hand", "torch", "torch tuned", …
  std::vector<std::string> command;  ///< what is started, before its mode
  std::map<std::string, std::string> env = {};           ///< beside what every program gets
  std::map<std::string, std::string> threaded_env = {};  ///< with more than one thread
  std::vector<std::string> more = {};                    ///< options of its own
  std::string blas = {};                                 ///< which kernels its OpenBLAS chose
};

struct Programs {
  std::vector<Program> found;
  std::vector<std::string> missing;  ///< a line for each that is not there, with what installs it
  std::vector<std::string> notes;    ///< what a reader of the numbers has to know
  bool own_kernels = false;  ///< children run without OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE

  const Program* find(const std::string& name) const;
  /// Runs one and returns its lines; throws a runtime_error with what it said if it fails.
  std::vector<Json> run(const Program& program, const std::vector<std::string>& arguments,
                        int threads) const;
};

/// Looks for the programs beside this one and for the peers; `wanted` empty means all.
Programs find_programs(const std::string& folder, const std::vector<std::string>& wanted);

struct Ran {
  int status = 0;  ///< exit status, or 128 + signal
  std::string out, err;
};

/// Runs a command, with variables set or, where the value is "-", removed.
Ran run_command(const std::vector<std::string>& command,
                const std::map<std::string, std::string>& env);

}  // namespace bench
