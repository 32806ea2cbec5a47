#include "support/paths.hpp"

namespace gradus::test {

std::string source_dir() { return GRADUS_SOURCE_DIR; }
std::string program_dir() { return GRADUS_BIN_DIR; }

}  // namespace gradus::test
