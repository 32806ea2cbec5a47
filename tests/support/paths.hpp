// Where the sources and the built programs are. One translation unit knows (paths.cpp), so that
// every other compiles to the same object in every checkout and a compiler cache can share it.
#pragma once

#include <string>

namespace gradus::test {

std::string source_dir();
std::string program_dir();

}  // namespace gradus::test
