#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "support/catch.hpp"
#include "train/save/resume_support.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

/// The block of code in a page that begins with ```language.
std::string code_of(const std::string& page, const std::string& language) {
  const std::string opening = "```" + language + "\n";
  const std::size_t from = page.find(opening);
  REQUIRE(from != std::string::npos);
  const std::size_t begin = from + opening.size();
  return page.substr(begin, page.find("```", begin) - begin);
}

/// A Python with NumPy, or "".
std::string python() {
  for (const char* candidate : {"python3", "/usr/bin/python3"})
    if (std::system((std::string(candidate) + " -c 'import numpy' 2>/dev/null").c_str()) == 0)
      return candidate;
  return "";
}

}  // namespace

TEST_CASE("the documentation's lines of Python read the weights of a checkpoint") {
  const std::string page = read_bytes(source_dir() + "/docs/checkpoints.md");
  const std::string code = code_of(page, "python");
  CHECK(std::count(code.begin(), code.end(), '\n') <= 10);
  const std::string program = python();
  if (program.empty()) {
    std::cout << "skipped: no python3 with NumPy is here\n";
    return;
  }
  const TemporaryFolder folder;
  Program trained({.what = "", .options = {.checkpoint = {.path = folder / "run.safetensors"}}}, 1);
  trained.fit();
  write_bytes(folder / "read.py",
              code +
                  "for name in sorted(weights):\n"
                  "    print(name, list(weights[name].shape), *weights[name].ravel().tolist())\n");
  REQUIRE(std::system(
              ("cd '" + folder.path() + "' && " + program + " read.py > out 2> err").c_str()) == 0);
  std::istringstream out(read_bytes(folder / "out"));
  const train::Checkpoint checkpoint = train::load_checkpoint(folder / "run.safetensors");
  CHECK(checkpoint.weights.contains("1.num_batches_tracked"));
  for (const auto& [name, tensor] : checkpoint.weights) {
    std::string line, lengths;
    REQUIRE(std::getline(out, line));
    for (const Index n : tensor.shape())
      lengths += (lengths.empty() ? "" : ", ") + std::to_string(n);
    const std::string start = name + " [" + lengths + "]";
    REQUIRE(line.starts_with(start));
    std::istringstream numbers(line.substr(start.size()));
    for (const double expected : tensor.to_vector<double>()) {
      double value = 0;
      REQUIRE(numbers >> value);
      CHECK(value == expected);
    }
  }
}
