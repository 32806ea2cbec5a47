# The kernels once more for each instruction set of which a process chooses the best (GRADUS_ISA=dispatch).

# Where time is spent: not what LAPACK, comparisons or memory decide.
set(gradus_not_varied "call|dispatch|info|variant|elementwise/(broadcast|check)|move/index|products/(decompositions|gemm_bf16|lapack)|reduce/sort")

# Joining objects and hiding what is in them takes the linker and objcopy of GNU's binutils.
if(gradus_variants)
  find_program(GRADUS_LINKER NAMES "${CMAKE_CXX_COMPILER_TARGET}-ld.bfd" ld.bfd ld)
  find_program(GRADUS_OBJCOPY NAMES "${CMAKE_CXX_COMPILER_TARGET}-objcopy" objcopy)
  mark_as_advanced(GRADUS_LINKER GRADUS_OBJCOPY)
  set(gradus_linker_help "")
  if(GRADUS_LINKER AND GRADUS_OBJCOPY)
    execute_process(COMMAND "${GRADUS_LINKER}" --help OUTPUT_VARIABLE gradus_linker_help ERROR_QUIET)
  endif()
  if(NOT gradus_linker_help MATCHES "--force-group-allocation")
    message(FATAL_ERROR "gradus: GRADUS_ISA=dispatch was given, and no ld and objcopy of GNU binutils was found; install "
      "binutils, or choose one instruction set for all: -DGRADUS_ISA=x86-64-v3, say")
  endif()
endif()

# gradus_variants(<list of sources>): takes what is not compiled by itself from the list, and appends one object for
# each instruction set. Nothing of it can be seen but its table of kernels, so that the linker never takes a function
# with instructions of a newer processor for everybody's.
function(gradus_variants list)
  list(FILTER ${list} EXCLUDE REGEX "^src/kernels/variant.cpp$")
  if(NOT gradus_variants)
    list(FILTER ${list} EXCLUDE REGEX "^src/kernels/dispatch.cpp$")
  endif()
  set(sources ${${list}})
  list(FILTER sources INCLUDE REGEX "^src/kernels/")
  list(FILTER sources EXCLUDE REGEX "^src/kernels/(${gradus_not_varied})\\.cpp$")
  foreach(variant IN LISTS gradus_variants)
    set(target gradus_kernels_${variant})
    gradus_library(${target} OBJECT ${sources} src/kernels/variant.cpp)
    set_target_properties(${target} PROPERTIES GRADUS_VARIANT ${variant} INTERPROCEDURAL_OPTIMIZATION OFF)
    target_compile_options(${target} PRIVATE -fno-lto)  # the linker's own code would hide nothing
    target_compile_definitions(${target} PRIVATE GRADUS_TABLE=${target})
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
    target_link_libraries(${target} PRIVATE OpenBLAS::OpenBLAS Threads::Threads)
    set(object "${PROJECT_BINARY_DIR}/${target}.o")
    add_custom_command(OUTPUT "${object}"
      COMMAND "${CMAKE_COMMAND}" -DLINKER=${GRADUS_LINKER} -DOBJCOPY=${GRADUS_OBJCOPY} -DNM=${CMAKE_NM} -DOUTPUT=${object}
              -DTABLE=${target} "-DOBJECTS=$<TARGET_OBJECTS:${target}>" -P "${PROJECT_SOURCE_DIR}/cmake/isolate.cmake"
      DEPENDS "$<TARGET_OBJECTS:${target}>" cmake/isolate.cmake VERBATIM
      COMMENT "Isolating the kernels for x86-64-${variant}")
    set_source_files_properties("${object}" PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
    add_custom_target(${target}_isolated DEPENDS "${object}")
    add_dependencies(${target}_isolated ${target})
    list(APPEND ${list} "${object}")
  endforeach()
  set(${list} "${${list}}" PARENT_SCOPE)
endfunction()
