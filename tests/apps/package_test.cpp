// The installed package, as another project uses it.
#include "apps/command.hpp"
#include "support/catch.hpp"

using namespace gradus::test;

TEST_CASE("An installed gradus is found, and links the engine alone or with the trainer",
          "[package]") {
  const TemporaryFolder folder;
  const std::string prefix = folder / "prefix", source = folder / "user", build = folder / "build";
  const std::string tree = program_dir() + "/..";
  const auto done = [](const std::string& command) {
    const Ran ran = run(command);
    INFO(command << "\n" << ran.out << ran.err);
    REQUIRE(ran.status == 0);
    return ran.out;
  };
  done("cmake --install '" + tree + "' --prefix '" + prefix + "'");
  done("mkdir -p '" + source + "'");
  write_bytes(source + "/CMakeLists.txt",
              R"(cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES CXX)
load_cache(")" + tree +
                  R"(" READ_WITH_PREFIX GRADUS_BUILT_ GRADUS_SANITIZE)
if(GRADUS_BUILT_GRADUS_SANITIZE)
  string(REPLACE ";" "," sanitizers "${GRADUS_BUILT_GRADUS_SANITIZE}")
  add_link_options(-fsanitize=${sanitizers})
endif()
find_package(gradus REQUIRED)
add_executable(engine engine.cpp)
target_link_libraries(engine PRIVATE gradus::gradus)
add_executable(trainer trainer.cpp)
target_link_libraries(trainer PRIVATE gradus::train)
)");
  write_bytes(source + "/engine.cpp", R"(#include <cstdio>
#include <gradus/autograd.hpp>
#include <gradus/ops.hpp>
int main() {
  gradus::Tensor x = gradus::full({1}, 3.0).requires_grad_();
  gradus::sum(x * x).backward();
  std::printf("%g", x.grad().item());
}
)");
  write_bytes(source + "/trainer.cpp", R"(#include <cstdio>
#include <gradus/train/config.hpp>
int main() {
  gradus::train::Config config;
  gradus::train::set(config, "epochs", "7");
  std::printf("%d", static_cast<int>(*config.epochs));
}
)");
  done("cmake -G Ninja -S '" + source + "' -B '" + build + "' -DCMAKE_PREFIX_PATH='" + prefix +
       "'");
  done("cmake --build '" + build + "'");
  CHECK(done("'" + build + "/engine'") == "6");
  CHECK(done("'" + build + "/trainer'") == "7");
}
