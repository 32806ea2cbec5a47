#include "programs.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gradus/error.hpp>
#include <sstream>
#include <stdexcept>

namespace bench {
namespace {

namespace fs = std::filesystem;

std::string contents(std::FILE* file) {
  std::rewind(file);
  std::string text;
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, file)) > 0;) text.append(buffer, n);
  std::fclose(file);
  return text;
}

/// The first that exists, or "".
std::string first_of(const std::vector<std::string>& paths) {
  for (const auto& path : paths)
    if (fs::exists(path)) return path;
  return "";
}

std::vector<std::string> in_library_folders(const std::string& name) {
  return {"/usr/lib/x86_64-linux-gnu/" + name, "/usr/lib/aarch64-linux-gnu/" + name,
          "/usr/lib64/" + name, "/usr/lib/" + name};
}

bool has_avx512() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("flags", 0) == 0) return line.find(" avx512bw") != std::string::npos;
  return false;
}

/// A peer at its best, by what the environment can do.
std::map<std::string, std::string> tuned_environment(std::vector<std::string>& notes) {
  std::map<std::string, std::string> env = {{"OMP_PROC_BIND", "true"}};
  std::string text = "tuned: bound threads, multi-tensor optimizer";
  if (has_avx512()) {
    env["ATEN_CPU_CAPABILITY"] = "avx512";
    text += ", AVX-512 kernels";
  }
  const std::string malloc = first_of(in_library_folders("libtcmalloc_minimal.so.4"));
  if (!malloc.empty()) {
    env["LD_PRELOAD"] = malloc;
    text += ", tcmalloc";
  } else {
    text += ", no faster malloc (apt-get install libtcmalloc-minimal4)";
  }
  const std::string blas = first_of(in_library_folders("openblas-openmp"));
  if (!blas.empty()) {
    env["LD_LIBRARY_PATH"] = blas;
    text += ", OpenBLAS on OpenMP";
  } else {
    text += ", OpenBLAS as installed (apt-get install libopenblas0-openmp)";
  }
  notes.push_back(text);
  return env;
}

std::map<std::string, std::string> environment_of(const Programs& programs, const Program& program,
                                                  int threads) {
  const std::string count = gradus::text_of(threads);
  std::map<std::string, std::string> env = {{"OMP_NUM_THREADS", count},
                                            {"OPENBLAS_NUM_THREADS", count}};
  if (programs.own_kernels) env["OPENBLAS_CORETYPE"] = env["OPENBLAS_L2_SIZE"] = "-";
  for (const auto& [name, value] : program.env) env[name] = value;
  if (threads > 1)
    for (const auto& [name, value] : program.threaded_env) env[name] = value;
  return env;
}

/// Asks a program which BLAS it has; false if it does not run here.
bool probe(const Programs& programs, Program& program, Json& answer) {
  try {
    const auto lines = programs.run(program, {"blas"}, 2);
    if (lines.empty()) return false;
    answer = lines.back();
    program.blas = answer.value("kernels", "unknown");
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

void add_peer(Programs& programs, Program plain, bool tuned_wanted, bool plain_wanted,
              const std::map<std::string, std::string>& tuned_env) {
  Program tuned = plain;
  tuned.name += " tuned";
  tuned.env = tuned_env;
  tuned.more = {"--foreach", "1"};
  Json answer;
  if (plain_wanted) programs.found.push_back(plain);
  if (tuned_wanted && probe(programs, tuned, answer)) programs.found.push_back(tuned);
}

}  // namespace

Ran run_command(const std::vector<std::string>& command,
                const std::map<std::string, std::string>& env) {
  std::FILE *out = std::tmpfile(), *err = std::tmpfile();
  if (!out || !err) throw std::runtime_error("no temporary files");
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot start a process");
  if (child == 0) {
    for (const auto& [name, value] : env) {
      if (value == "-")
        unsetenv(name.c_str());
      else
        setenv(name.c_str(), value.c_str(), 1);
    }
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, 0), dup2(fileno(out), 1), dup2(fileno(err), 2);
    std::vector<char*> arguments;
    for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), contents(out),
          contents(err)};
}

const Program* Programs::find(const std::string& name) const {
  for (const Program& program : found)
    if (program.name == name) return &program;
  return nullptr;
}

std::vector<Json> Programs::run(const Program& program, const std::vector<std::string>& arguments,
                                int threads) const {
  std::vector<std::string> command = program.command;
  command.insert(command.end(), arguments.begin(), arguments.end());
  command.insert(command.end(), {"--threads", gradus::text_of(threads)});
  command.insert(command.end(), program.more.begin(), program.more.end());
  const Ran ran = run_command(command, environment_of(*this, program, threads));
  if (ran.status != 0)
    throw std::runtime_error(program.name + " ended with status " + gradus::text_of(ran.status) +
                             ": " + ran.err.substr(0, 2000));
  std::vector<Json> lines;
  std::istringstream stream(ran.out);
  for (std::string line; std::getline(stream, line);) {
    Json json = Json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("item"))
      throw std::runtime_error(program.name + " printed what is not a result: " + line);
    lines.push_back(std::move(json));
  }
  return lines;
}

Programs find_programs(const std::string& folder, const std::vector<std::string>& wanted) {
  Programs programs;
  const auto want = [&](const std::string& name) {
    return wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end();
  };
  std::vector<std::string> tuned_notes;
  const auto tuned_env = tuned_environment(tuned_notes);

  Program by_hand{"by hand", {folder + "/bench_by_hand"}};
  const auto threaded_blas = tuned_env.find("LD_LIBRARY_PATH");
  if (threaded_blas != tuned_env.end())
    by_hand.threaded_env = {{"OMP_PROC_BIND", "true"}, *threaded_blas};
  Json answer;
  programs.own_kernels = true;
  if (!probe(programs, by_hand, answer)) {
    programs.own_kernels = false;
    if (!probe(programs, by_hand, answer))
      throw std::runtime_error(folder + "/bench_by_hand does not run; build it with ./dev bench");
    programs.notes.push_back(
        "OpenBLAS's kernels for this processor do not work: OPENBLAS_CORETYPE as it is");
  }
  Program gradus{"gradus", {folder + "/bench_gradus"}};
  if (!probe(programs, gradus, answer))
    throw std::runtime_error(folder + "/bench_gradus does not run; build it with ./dev bench");
  if (want("gradus")) programs.found.push_back(gradus);
  for (const char* name : {"captured", "bfloat16"}) {
    Program other = gradus;
    other.name = name;
    other.more = {std::string("--") + name, "1"};
    if (!want(name)) continue;
    if (probe(programs, other, answer))
      programs.found.push_back(other);
    else
      programs.missing.push_back(other.name + " is not shown: this processor or build lacks it");
  }
  if (want("by hand")) programs.found.push_back(by_hand);

  bool any_tuned = false;
  const auto peer = [&](const std::string& name,
                        const std::vector<std::vector<std::string>>& commands,
                        const std::string& install) {
    if (!want(name) && !want(name + " tuned")) return;
    for (const auto& command : commands) {
      Program program{name, command};
      if (!probe(programs, program, answer)) continue;
      programs.notes.push_back(name + " " + answer.value("version", "") + ": OpenBLAS kernels " +
                               program.blas);
      add_peer(programs, program, want(name + " tuned"), want(name), tuned_env);
      any_tuned = any_tuned || want(name + " tuned");
      return;
    }
    programs.missing.push_back(name + " is not shown: " + install);
  };
  const char* python = std::getenv("GRADUS_BENCH_PYTHON");
  const std::string worker = GRADUS_BENCH_SOURCES "/torch_worker.py";
  std::vector<std::vector<std::string>> interpreters;
  if (python)
    interpreters = {{python, worker}};
  else
    interpreters = {{"python3", worker}, {"/usr/bin/python3", worker}};
  peer("torch", interpreters, "install it with apt-get install python3-torch");
  peer("libtorch", {{folder + "/bench_libtorch"}},
       "install it with apt-get install libtorch-dev, then run ./dev bench again");
  if (any_tuned)
    programs.notes.insert(programs.notes.end(), tuned_notes.begin(), tuned_notes.end());
  programs.notes.push_back("gradus and by hand: OpenBLAS kernels " + by_hand.blas);
  return programs;
}

}  // namespace bench
