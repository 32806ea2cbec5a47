# Compiler launcher, sanitizers, and the target gradus_flags: what our own sources are compiled with.

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  find_program(CCACHE_PROGRAM ccache)
  if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # Relative paths let several checkouts share results; the sloppiness admits precompiled headers.
    set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      "${CCACHE_PROGRAM}")
  endif()
endif()

if(GRADUS_SANITIZE)
  string(REPLACE ";" "," gradus_sanitizers "${GRADUS_SANITIZE}")
  set(gradus_sanitize_flags -fsanitize=${gradus_sanitizers} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  add_compile_options(${gradus_sanitize_flags})
  add_link_options(${gradus_sanitize_flags})
  message(STATUS "gradus: sanitizers: ${gradus_sanitizers}")
endif()

add_library(gradus_flags INTERFACE)
target_compile_options(gradus_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  # Lets loops over exp, log and the like vectorize; NaN and infinity keep their meaning.
  -fno-math-errno -fno-trapping-math)
if(GRADUS_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # GCC sees uninitialized values in its own instrumentation of the standard library.
  target_compile_options(gradus_flags INTERFACE -Wno-maybe-uninitialized)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees overlapping copies in its own std::string (its bug 105651).
  target_compile_options(gradus_flags INTERFACE -Wno-restrict)
endif()
if(GRADUS_WERROR)
  target_compile_options(gradus_flags INTERFACE -Werror)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  if(GRADUS_NATIVE)
    target_compile_options(gradus_flags INTERFACE -march=native)
  else()
    target_compile_options(gradus_flags INTERFACE -march=x86-64-v3)
  endif()
elseif(GRADUS_NATIVE)
  target_compile_options(gradus_flags INTERFACE -mcpu=native)
endif()
