# Finds OpenBLAS itself, never the reference BLAS, and reads in its symbols how it is threaded: nothing is run, so
# that it may be a library for another processor.
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

if(OpenBLAS_LIBRARY AND CMAKE_NM AND NOT OpenBLAS_THREADING_OF STREQUAL OpenBLAS_LIBRARY)
  set(openblas_table -D)
  if(OpenBLAS_FILE MATCHES "\\.a$")
    set(openblas_table -g)
  endif()
  execute_process(COMMAND "${CMAKE_NM}" ${openblas_table} "${OpenBLAS_LIBRARY}"
    OUTPUT_VARIABLE openblas_symbols ERROR_QUIET)
  foreach(name openblas_get_config cblas_sgemm dgesv_)
    if(NOT openblas_symbols MATCHES " [TWi] _?${name}[@\n]")
      message(FATAL_ERROR "gradus: ${OpenBLAS_LIBRARY} (${OpenBLAS_FILE}) is not an OpenBLAS with CBLAS "
        "and LAPACK: it has no ${name}. It may be the reference BLAS, which is many times slower.\n"
        "Install OpenBLAS with\n  sudo apt-get install libopenblas-dev\n"
        "or name its file with -DOpenBLAS_LIBRARY=<file>.")
    endif()
  endforeach()
  if(openblas_symbols MATCHES " U _?omp_get_")
    set(openblas_threading openmp)
  elseif(openblas_symbols MATCHES " U _?pthread_create")
    set(openblas_threading pthread)
  else()
    set(openblas_threading serial)
  endif()
  set(OpenBLAS_THREADING "${openblas_threading}" CACHE INTERNAL "pthread, openmp or serial")
  set(OpenBLAS_THREADING_OF "${OpenBLAS_LIBRARY}" CACHE INTERNAL "the library that OpenBLAS_THREADING is about")
endif()

if(OpenBLAS_INCLUDE_DIR)
  file(STRINGS "${OpenBLAS_INCLUDE_DIR}/openblas_config.h" OpenBLAS_VERSION REGEX "define OPENBLAS_VERSION ")
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" OpenBLAS_VERSION "${OpenBLAS_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenBLAS
  REQUIRED_VARS OpenBLAS_LIBRARY OpenBLAS_INCLUDE_DIR VERSION_VAR OpenBLAS_VERSION
  REASON_FAILURE_MESSAGE "install it with\n  sudo apt-get install libopenblas-dev")
mark_as_advanced(OpenBLAS_LIBRARY OpenBLAS_INCLUDE_DIR)

if(OpenBLAS_FOUND AND NOT TARGET OpenBLAS::OpenBLAS)
  add_library(OpenBLAS::OpenBLAS UNKNOWN IMPORTED)
  set_target_properties(OpenBLAS::OpenBLAS PROPERTIES
    IMPORTED_LOCATION "${OpenBLAS_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${OpenBLAS_INCLUDE_DIR}")
endif()
