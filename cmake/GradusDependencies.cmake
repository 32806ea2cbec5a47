# Finds what gradus is built on. Everything missing is named at once, with the command that installs it.
# Target gradus_private: the header-only libraries that sources and tests see and users never do: xsimd in the
# loops of src/kernels, xtensor-blas in the decompositions there, xtensor below it and in the tests of
# gradus/interop/xtensor.hpp, nlohmann JSON in src/io/json.cpp.

set(gradus_missing "")
set(gradus_missing_packages "")

macro(gradus_require name found package)
  if(NOT ${found})
    list(APPEND gradus_missing "${name}")
    list(APPEND gradus_missing_packages "${package}")
  endif()
endmacro()

find_package(xtensor QUIET)
gradus_require(xtensor xtensor_FOUND libxtensor-dev)
find_package(xtensor-blas QUIET)
gradus_require(xtensor-blas xtensor-blas_FOUND libxtensor-blas-dev)
find_package(xsimd QUIET)
gradus_require(xsimd xsimd_FOUND libxsimd-dev)
find_package(OpenBLAS QUIET MODULE)
gradus_require(OpenBLAS OpenBLAS_FOUND libopenblas-dev)
find_package(nlohmann_json QUIET)
gradus_require("nlohmann JSON" nlohmann_json_FOUND nlohmann-json3-dev)
find_package(ZLIB QUIET)
gradus_require(zlib ZLIB_FOUND zlib1g-dev)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads QUIET)
gradus_require(threads Threads_FOUND libc6-dev)
if(GRADUS_APPS)
  find_package(CLI11 QUIET)
  gradus_require(CLI11 CLI11_FOUND libcli11-dev)
  find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h)
  mark_as_advanced(TOMLPLUSPLUS_INCLUDE_DIR)
  gradus_require(toml++ TOMLPLUSPLUS_INCLUDE_DIR libtomlplusplus-dev)
endif()
if(GRADUS_TESTS)
  find_package(Catch2 QUIET)
  gradus_require(Catch2 Catch2_FOUND catch2)
endif()

if(gradus_missing)
  list(JOIN gradus_missing ", " gradus_missing)
  list(JOIN gradus_missing_packages " " gradus_missing_packages)
  message(FATAL_ERROR "gradus: not found: ${gradus_missing}.\n"
    "On Debian and Ubuntu install with\n"
    "  sudo apt-get install ${gradus_missing_packages}\n"
    "or everything that is needed with\n"
    "  ./dev deps")
endif()

message(STATUS "gradus: BLAS and LAPACK: OpenBLAS ${OpenBLAS_VERSION}, ${OpenBLAS_THREADING} threads, "
  "${OpenBLAS_FILE}")
message(STATUS "gradus: xtensor ${xtensor_VERSION}, xtensor-blas ${xtensor-blas_VERSION}, "
  "xsimd ${xsimd_VERSION}")

add_library(gradus_private INTERFACE)
target_compile_definitions(gradus_private INTERFACE XTENSOR_USE_XSIMD)
# Include paths only: linking the packages' targets could bring another BLAS along.
foreach(target xtensor xtensor-blas xsimd nlohmann_json::nlohmann_json)
  target_include_directories(gradus_private SYSTEM INTERFACE
    $<TARGET_PROPERTY:${target},INTERFACE_INCLUDE_DIRECTORIES>)
endforeach()
