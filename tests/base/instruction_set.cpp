// Which instruction set the kernels run, and how a user chooses.
#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "base/isa.hpp"
#include "gradus/ops.hpp"
#include "gradus/runtime.hpp"
#include "support/catch.hpp"

using namespace gradus;

#if GRADUS_DISPATCH

TEST_CASE("the best instruction set that the processor has is chosen, or the one that is named") {
  std::ifstream file("/proc/cpuinfo");
  const std::string cpu((std::istreambuf_iterator<char>(file)), {});
  const auto has = [&cpu](const char* flag) {
    return cpu.find(" " + std::string(flag) + " ") != cpu.npos;
  };
  const char* wanted = std::getenv("GRADUS_ISA");
  const auto all = [&has](std::initializer_list<const char*> flags) {
    return std::all_of(flags.begin(), flags.end(), has);
  };
  const bool v3 = all({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"});
  const bool v4 = v3 && all({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"});
  const std::string best = v4 ? "x86-64-v4" : v3 ? "x86-64-v3" : "x86-64-v2";
  CHECK(std::string(isa_name()).ends_with(wanted && *wanted ? wanted : best));
}

#else

TEST_CASE("the instruction set that all was compiled for has a name") {
  CHECK(isa() == Isa::compiled);
  CHECK_FALSE(std::string(isa_name()).empty());
}

#endif

TEST_CASE("what a process runs on can be read") {
  const std::string text = info();
  CHECK(text.find("gradus           " + std::string(version()) + "\n") == 0);
  CHECK(text.find("\ninstruction set  " + std::string(isa_name()) + "\n") != text.npos);
  CHECK(text.find("OpenBLAS 0.") != text.npos);
  CHECK(text.find("threads          " + std::to_string(num_threads()) + "\n") != text.npos);
}
