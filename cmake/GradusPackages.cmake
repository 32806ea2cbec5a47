# The Debian packages that cpack makes: libgradus-dev of the component Development, gradus-tools of Tools.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each has one of its own
set(CPACK_PACKAGE_CONTACT "The gradus authors <gradus@example.org>")
set(CPACK_COMPONENTS_ALL Development Tools)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libgradus-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libopenblas-dev, zlib1g-dev")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "reverse-mode automatic differentiation for C++20
Tensors whose operations are recorded, derivatives of any order, networks,
optimizers and a trainer: headers and static libraries, for CMake, pkg-config
and plain compilers.")
set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME gradus-tools)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION math)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)
set(CPACK_COMPONENT_TOOLS_DESCRIPTION "trainer of neural networks for tables and images
The command train fits a network to a table, to images or to a set of its
own, evaluates it, predicts with it, and reports on what it did.")

# A package holds its licence and what changed.
find_program(GZIP_PROGRAM gzip)
mark_as_advanced(GZIP_PROGRAM)
if(GZIP_PROGRAM)
  string(TIMESTAMP gradus_date "%a, %d %b %Y %H:%M:%S +0000" UTC)
  file(CONFIGURE OUTPUT changelog CONTENT "gradus (@PROJECT_VERSION@) unstable; urgency=medium

  * Release @PROJECT_VERSION@.

 -- @CPACK_PACKAGE_CONTACT@  @gradus_date@
" @ONLY)
  file(READ LICENSE gradus_licence)
  file(CONFIGURE OUTPUT copyright CONTENT "@gradus_licence@
The digits that are compiled into the library are from the UCI Machine Learning Repository, \"Optical Recognition of
Handwritten Digits\" by E. Alpaydin and C. Kaynak, https://doi.org/10.24432/C50P49, under CC BY 4.0.

Parts of xsimd, xtensor, xtensor-blas and CLI11 (BSD-3-Clause), nlohmann JSON and toml++ (MIT) are compiled in.
" @ONLY)
  execute_process(COMMAND "${GZIP_PROGRAM}" -9n --force changelog WORKING_DIRECTORY "${PROJECT_BINARY_DIR}")
  foreach(component Development Tools)
    string(TOUPPER ${component} upper)
    set(folder "${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME}")
    install(FILES "${PROJECT_BINARY_DIR}/copyright" "${PROJECT_BINARY_DIR}/changelog.gz"
      DESTINATION "${folder}" COMPONENT ${component})
  endforeach()
endif()

include(CPack)
