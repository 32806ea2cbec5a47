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

# What GRADUS_ISA comes to: flags for all sources and, where each process chooses, more instruction sets for the kernels.
set(gradus_variants "")
string(TOUPPER "${CMAKE_BUILD_TYPE}" gradus_build_type)
get_directory_property(gradus_given COMPILE_OPTIONS)
if("${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${gradus_build_type}} ${gradus_given}" MATCHES "-m(arch|cpu)=([^ ;]+)")
  set(gradus_isa_name "${CMAKE_MATCH_2}")  # the user's own flags win
elseif(GRADUS_ISA STREQUAL "native")
  set(gradus_isa_flag -march=native)
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    set(gradus_isa_flag -mcpu=native)
  endif()
  set(gradus_isa_name native)
elseif(GRADUS_ISA STREQUAL "dispatch")
  set(gradus_isa_name "${CMAKE_SYSTEM_PROCESSOR}")
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    set(gradus_isa_flag -march=x86-64-v2)
    set(gradus_variants v3 v4)
  endif()
elseif(GRADUS_ISA MATCHES "^(x86-64-)?(v[234])$")
  set(gradus_isa_name "x86-64-${CMAKE_MATCH_2}")
  set(gradus_isa_flag "-march=${gradus_isa_name}")
elseif(GRADUS_ISA MATCHES "^(armv8[.0-9]*)(-a)?$")
  set(gradus_isa_name "${CMAKE_MATCH_1}-a")
  set(gradus_isa_flag "-march=${gradus_isa_name}")
else()
  message(FATAL_ERROR "gradus: GRADUS_ISA=${GRADUS_ISA} was given; native, dispatch, x86-64-v2, x86-64-v3, x86-64-v4 "
    "or armv8 is required")
endif()
if(CMAKE_CXX_BYTE_ORDER STREQUAL "BIG_ENDIAN")
  message(FATAL_ERROR "gradus: ${CMAKE_SYSTEM_PROCESSOR} stores the high byte first; a little-endian processor is required")
endif()
list(JOIN gradus_variants ", " gradus_shown)
message(STATUS "gradus: instruction set: ${gradus_isa_name} ${gradus_shown}")
target_compile_options(gradus_flags INTERFACE
  $<IF:$<BOOL:$<TARGET_PROPERTY:GRADUS_VARIANT>>,-march=x86-64-$<TARGET_PROPERTY:GRADUS_VARIANT>,${gradus_isa_flag}>)
if(NOT gradus_sanitizers)
  set(gradus_sanitizers none)
endif()
target_compile_definitions(gradus_flags INTERFACE GRADUS_ISA_NAME="${gradus_isa_name}" GRADUS_SANITIZERS="${gradus_sanitizers}")
if(gradus_variants)
  target_compile_definitions(gradus_flags INTERFACE GRADUS_DISPATCH=1)
endif()
