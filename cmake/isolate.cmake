# Joins OBJECTS to OUTPUT, of whose functions and tables only TABLE can be seen from outside.
execute_process(COMMAND "${LINKER}" -r --force-group-allocation -o "${OUTPUT}.all" ${OBJECTS} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${OBJCOPY}" --keep-global-symbol=${TABLE} "${OUTPUT}.all" "${OUTPUT}" COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE "${OUTPUT}.all")

execute_process(COMMAND "${NM}" --defined-only --extern-only --format=posix "${OUTPUT}"
  OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" symbols "${symbols}")
list(FILTER symbols EXCLUDE REGEX "^${TABLE} ")
if(symbols)
  file(REMOVE "${OUTPUT}")
  list(JOIN symbols "\n  " symbols)
  message(FATAL_ERROR "gradus: code for newer processors can be seen outside ${TABLE}:\n  ${symbols}")
endif()
