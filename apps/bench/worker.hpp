// What every measured C++ program shares: its command line, the workloads, blocks of repeated
// calls, and one JSON object a line on standard output. Includes neither gradus nor a peer.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

/// A multi-layer perceptron as a workload: "a=2-8-1:tanh:none:4:mse:sgd" names sizes, hidden
/// activation, output activation, batch, loss and optimizer. The workloads g and h are known by
/// their letters alone.
struct Workload {
  std::string name;
  std::vector<int> sizes;
  std::string hidden, output, loss, optimizer;
  int batch = 0;
};

inline std::vector<std::string> split(const std::string& text, char mark) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, mark);) parts.push_back(part);
  return parts;
}

inline Workload parse_workload(const std::string& text) {
  const auto equals = text.find('=');
  Workload workload;
  workload.name = text.substr(0, equals);
  if (equals == std::string::npos) {
    if (text == "g" || text == "h") return workload;
    throw std::runtime_error("workload " + text + " without its sizes");
  }
  const auto fields = split(text.substr(equals + 1), ':');
  if (fields.size() != 6) throw std::runtime_error("workload with other than six fields: " + text);
  for (const auto& size : split(fields[0], '-')) workload.sizes.push_back(std::stoi(size));
  workload.hidden = fields[1];
  workload.output = fields[2];
  workload.batch = std::stoi(fields[3]);
  workload.loss = fields[4];
  workload.optimizer = fields[5];
  return workload;
}

/// PROGRAM MODE [--name value]... [workload]...
struct Options {
  std::string mode, folder;
  int threads = 1, blocks = 7, steps = 20;
  double block_ms = 15, warm_ms = 50;
  double lr = 1e-7;  // a step repeated on one batch must not converge into denormal numbers
  bool foreach_update = false, captured = false, bfloat16 = false;
  std::vector<Workload> workloads;
  std::vector<long> sizes;
};

inline Options parse_options(int argc, char** argv) {
  Options options;
  if (argc < 2) throw std::runtime_error("no mode given");
  options.mode = argv[1];
  for (int i = 2; i < argc; ++i) {
    const std::string key = argv[i];
    if (key.rfind("--", 0) != 0) {
      options.workloads.push_back(parse_workload(key));
      continue;
    }
    if (i + 1 == argc) throw std::runtime_error(key + " without a value");
    const std::string value = argv[++i];
    if (key == "--threads")
      options.threads = std::stoi(value);
    else if (key == "--blocks")
      options.blocks = std::stoi(value);
    else if (key == "--block-ms")
      options.block_ms = std::stod(value);
    else if (key == "--warm-ms")
      options.warm_ms = std::stod(value);
    else if (key == "--steps")
      options.steps = std::stoi(value);
    else if (key == "--lr")
      options.lr = std::stod(value);
    else if (key == "--folder")
      options.folder = value;
    else if (key == "--foreach")
      options.foreach_update = value == "1";
    else if (key == "--captured")
      options.captured = value == "1";
    else if (key == "--bfloat16")
      options.bfloat16 = value == "1";
    else if (key == "--sizes")
      for (const auto& size : split(value, ',')) options.sizes.push_back(std::stol(size));
    else
      throw std::runtime_error("unknown option " + key);
  }
  return options;
}

inline double now_ns() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double, std::nano>(Clock::now().time_since_epoch()).count();
}

/// The compiler has to have `value` computed.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "r,m"(value) : "memory");
}

/// Nanoseconds of a call in every block; `timed(n)` makes n calls and returns their nanoseconds.
template <class Timed>
std::vector<double> blocks_of(Timed timed, const Options& options) {
  long calls = 1, done = 0;
  double spent = 0, last = 0;
  while (spent < options.warm_ms * 1e6 || done < 3) {
    last = timed(calls) / static_cast<double>(calls);
    spent += last * static_cast<double>(calls);
    done += calls;
    if (last * static_cast<double>(calls) < 1e6) calls *= 2;
  }
  calls = std::max(1L, static_cast<long>(options.block_ms * 1e6 / std::max(last, 0.1)));
  std::vector<double> blocks;
  for (int i = 0; i < options.blocks; ++i)
    blocks.push_back(timed(calls) / static_cast<double>(calls));
  return blocks;
}

/// The same for a whole call.
template <class Call>
std::vector<double> measure(Call call, const Options& options) {
  return blocks_of(
      [&](long calls) {
        const double start = now_ns();
        for (long i = 0; i < calls; ++i) call();
        return now_ns() - start;
      },
      options);
}

/// The same for a call before each of which `prepare` runs untimed; less the time of the clock.
template <class Prepare, class Call>
std::vector<double> measure_after(Prepare prepare, Call call, const Options& options) {
  Options brief;
  brief.block_ms = brief.warm_ms = 0.2;
  const auto empty = measure([] { keep(now_ns()); }, brief);
  const double clock = *std::min_element(empty.begin(), empty.end());
  return blocks_of(
      [&](long calls) {
        double spent = 0;
        for (long i = 0; i < calls; ++i) {
          prepare();
          const double start = now_ns();
          call();
          spent += std::max(now_ns() - start - clock, 1.0);
        }
        return spent;
      },
      options);
}

/// {"item": item, <more>, key: [values]}
inline void print_line(const std::string& item, const char* key, const std::vector<double>& values,
                       const std::string& more = "") {
  std::printf("{\"item\":\"%s\",%s\"%s\":[", item.c_str(), more.c_str(), key);
  for (std::size_t i = 0; i < values.size(); ++i) std::printf("%s%.9g", i ? "," : "", values[i]);
  std::printf("]}\n");
  std::fflush(stdout);
}

inline std::string field(const char* name, double value) {
  char text[64];
  std::snprintf(text, sizeof text, "\"%s\":%.9g,", name, value);
  return text;
}

inline std::string field(const char* name, const std::string& value) {
  return std::string("\"") + name + "\":\"" + value + "\",";
}

/// The inputs, targets and first parameters of a workload, as float32 one after another: weights
/// are (out, in).
class ValuesIn {
 public:
  ValuesIn(const std::string& folder, const std::string& name)
      : file_(folder + "/" + name + ".bin", std::ios::binary) {
    if (!file_) throw std::runtime_error("cannot read " + folder + "/" + name + ".bin");
  }
  void read(float* values, std::size_t count) {
    const auto bytes = static_cast<std::streamsize>(count * sizeof(float));
    if (!file_.read(reinterpret_cast<char*>(values), bytes))
      throw std::runtime_error("file of values ends early");
  }
  std::vector<float> read(std::size_t count) {
    std::vector<float> values(count);
    read(values.data(), count);
    return values;
  }

 private:
  std::ifstream file_;
};

}  // namespace bench
