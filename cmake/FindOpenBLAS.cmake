# Finds OpenBLAS itself, never the reference BLAS, and asks the library how it is threaded.
# Target: OpenBLAS::OpenBLAS (BLAS, CBLAS and LAPACK). Variables: OpenBLAS_VERSION,
# OpenBLAS_THREADING (pthread, openmp, serial), OpenBLAS_FILE. To choose one by hand:
# -DOpenBLAS_LIBRARY=<file> -DOpenBLAS_INCLUDE_DIR=<folder>.

# Threads are gradus's own, so the serial variant is preferred: the others start threads when the program
# does, and a process with one thread counts references without locked instructions.
find_library(OpenBLAS_LIBRARY NAMES openblas
  PATH_SUFFIXES openblas-serial NO_CMAKE_SYSTEM_PATH
  PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE} /usr/lib /usr/local/lib NO_DEFAULT_PATH)
find_library(OpenBLAS_LIBRARY NAMES openblas openblasp openblaso
  PATH_SUFFIXES openblas openblas-serial openblas-pthread openblas-openmp)

if(OpenBLAS_LIBRARY)
  # Debian keeps the header of each threading variant in a folder named as the library's.
  file(REAL_PATH "${OpenBLAS_LIBRARY}" OpenBLAS_FILE)
  cmake_path(GET OpenBLAS_FILE PARENT_PATH openblas_folder)
  cmake_path(GET openblas_folder FILENAME openblas_folder)
  find_path(OpenBLAS_INCLUDE_DIR NAMES openblas_config.h
    PATH_SUFFIXES "${CMAKE_LIBRARY_ARCHITECTURE}/${openblas_folder}" "${openblas_folder}" openblas
    NO_CMAKE_SYSTEM_PATH)
  find_path(OpenBLAS_INCLUDE_DIR NAMES openblas_config.h
    PATH_SUFFIXES "${openblas_folder}" openblas)
endif()

if(OpenBLAS_LIBRARY AND OpenBLAS_INCLUDE_DIR AND NOT OpenBLAS_PROBED STREQUAL OpenBLAS_LIBRARY)
  file(WRITE "${CMAKE_BINARY_DIR}/CMakeFiles/openblas_probe.cpp" [[
#include <cstdio>
extern "C" {
int openblas_get_parallel(void);
char* openblas_get_config(void);
void cblas_sgemm(void);
void dgesv_(void);
}
int main() {
  void (*volatile needed[])(void) = {cblas_sgemm, dgesv_};
  std::printf("%d;%s", openblas_get_parallel(), openblas_get_config());
  return needed[0] && needed[1] ? 0 : 1;
}
]])
  try_run(openblas_ran openblas_linked "${CMAKE_BINARY_DIR}/CMakeFiles/openblas_probe"
    "${CMAKE_BINARY_DIR}/CMakeFiles/openblas_probe.cpp"
    LINK_LIBRARIES "${OpenBLAS_LIBRARY}"
    RUN_OUTPUT_VARIABLE openblas_answer)
  if(NOT openblas_linked OR NOT openblas_ran EQUAL 0)
    message(FATAL_ERROR "gradus: ${OpenBLAS_LIBRARY} (${OpenBLAS_FILE}) is not an OpenBLAS with CBLAS "
      "and LAPACK: it may be the reference BLAS, which is many times slower.\n"
      "Install OpenBLAS with\n  sudo apt-get install libopenblas-dev\n"
      "or with ./dev deps, or name its file with -DOpenBLAS_LIBRARY=<file>.")
  endif()
  set(OpenBLAS_ANSWER "${openblas_answer}" CACHE INTERNAL "threading;configuration of OpenBLAS")
  set(OpenBLAS_PROBED "${OpenBLAS_LIBRARY}" CACHE INTERNAL "the library that OpenBLAS_ANSWER is about")
endif()

if(OpenBLAS_PROBED)
  list(GET OpenBLAS_ANSWER 0 openblas_parallel)
  set(openblas_variants serial pthread openmp)
  list(GET openblas_variants ${openblas_parallel} OpenBLAS_THREADING)
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" OpenBLAS_VERSION "${OpenBLAS_ANSWER}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenBLAS
  REQUIRED_VARS OpenBLAS_LIBRARY OpenBLAS_INCLUDE_DIR VERSION_VAR OpenBLAS_VERSION)
mark_as_advanced(OpenBLAS_LIBRARY OpenBLAS_INCLUDE_DIR)

if(OpenBLAS_FOUND AND NOT TARGET OpenBLAS::OpenBLAS)
  add_library(OpenBLAS::OpenBLAS UNKNOWN IMPORTED)
  set_target_properties(OpenBLAS::OpenBLAS PROPERTIES
    IMPORTED_LOCATION "${OpenBLAS_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${OpenBLAS_INCLUDE_DIR}")
endif()
