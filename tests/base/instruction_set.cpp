// Which instruction set the kernels run, and how a user chooses.
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
  const std::string best = has("avx512bw") && has("avx512vl") && has("avx512dq") ? "x86-64-v4"
                           : has("avx2") && has("fma") && has("bmi2")            ? "x86-64-v3"
                                                                                 : "x86-64-v2";
  CHECK(isa_name() == (wanted && *wanted ? std::string(wanted) : best));
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
