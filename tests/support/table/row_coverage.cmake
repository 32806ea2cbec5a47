# Every function declared in include/gradus/ops needs a row in tests/ops/*/*_rows.cpp.
#   cmake -DHEADERS=<folder> -DROWS=<folder> -DEXCEPTIONS=<file> -DSTAMP=<file> -P row_coverage.cmake
# A function is declared at the start of a line, as clang-format lays it out. A row's name is the
# string after `row(`, `rows(`, `row({` or `.name =`; its first word counts. Operators count by
# their function. An exception is a line `name: reason`.
cmake_minimum_required(VERSION 3.25)

# Reads a file as text that CMake's lists cannot tear apart, without // comments.
function(read_code path result)
  file(READ "${path}" text)
  string(REGEX REPLACE "[][;\\]" " " text "${text}")
  string(REGEX REPLACE "//[^\n]*" "" text "${text}")
  set("${result}" "\n${text}" PARENT_SCOPE)
endfunction()

set(functions "")
file(GLOB headers "${HEADERS}/*.hpp")
foreach(header IN LISTS headers)
  read_code("${header}" code)
  # Private parts: from `namespace detail {` to its closing brace, which stands alone on its line.
  string(REGEX REPLACE "\nnamespace detail {\n([^\n}][^\n]*\n|\n)*}" "" code "${code}")
  string(REGEX MATCHALL "\n[A-Za-z][A-Za-z0-9_:<>, ]*[ &*][a-z][a-z0-9_]*\\(" declarations "${code}")
  foreach(declaration IN LISTS declarations)
    string(REGEX REPLACE ".*[ &*]([a-z][a-z0-9_]*)\\($" "\\1" name "${declaration}")
    list(APPEND functions "${name}")
  endforeach()
endforeach()
list(REMOVE_DUPLICATES functions)

set(rows "")
file(GLOB sources "${ROWS}/*/*_rows.cpp")
foreach(source IN LISTS sources)
  read_code("${source}" code)
  string(REGEX MATCHALL "(rows?\\([ \n]*({[ \n]*)?([a-z_]+ \\? )?|\\.name = )\"[A-Za-z0-9_]+" names "${code}")
  foreach(name IN LISTS names)
    string(REGEX REPLACE ".*\"" "" name "${name}")
    list(APPEND rows "${name}")
  endforeach()
endforeach()

set(excepted "")
file(STRINGS "${EXCEPTIONS}" lines REGEX "^[^#]")
foreach(line IN LISTS lines)
  if(NOT line MATCHES "^([a-z0-9_]+): [^ ]")
    message(FATAL_ERROR "${EXCEPTIONS}: `${line}` is not of the form `name: reason`")
  endif()
  list(APPEND excepted "${CMAKE_MATCH_1}")
endforeach()

if(NOT functions OR NOT rows)
  message(FATAL_ERROR "no functions found in ${HEADERS}, or no rows in ${ROWS}")
endif()
set(unknown ${excepted})
list(REMOVE_ITEM unknown ${functions})
if(unknown)
  list(JOIN unknown ", " unknown)
  message(FATAL_ERROR "${EXCEPTIONS} names functions that do not exist: ${unknown}")
endif()
set(missing ${functions})
list(REMOVE_ITEM missing ${rows} ${excepted})
if(missing)
  list(JOIN missing ", " missing)
  message(FATAL_ERROR "these functions of include/gradus/ops have no row in tests/ops/*/*_rows.cpp: "
    "${missing}")
endif()
file(TOUCH "${STAMP}")
