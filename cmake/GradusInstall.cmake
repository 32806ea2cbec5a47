# What cmake --install lays down: the component Development, and Tools where the train command is built.

include(CMakePackageConfigHelpers)
set(gradus_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/gradus")
configure_package_config_file(cmake/gradusConfig.cmake.in "${PROJECT_BINARY_DIR}/gradusConfig.cmake"
  INSTALL_DESTINATION "${gradus_package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/gradusConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)

set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME Development)
install(TARGETS gradus gradus_train EXPORT gradusTargets)
install(DIRECTORY include/gradus DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp")
install(EXPORT gradusTargets NAMESPACE gradus:: DESTINATION "${gradus_package_dir}")
install(FILES "${PROJECT_BINARY_DIR}/gradusConfig.cmake"
              "${PROJECT_BINARY_DIR}/gradusConfigVersion.cmake" cmake/FindOpenBLAS.cmake
  DESTINATION "${gradus_package_dir}")
if(TARGET train)
  install(TARGETS train COMPONENT Tools)
  set_target_properties(train PROPERTIES
    INSTALL_RPATH "$<$<BOOL:${BUILD_SHARED_LIBS}>:$ORIGIN/../${CMAKE_INSTALL_LIBDIR}>")
endif()

# pkg-config: an archive needs what it is built on from every program, a shared library brings it along.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig"
  OUTPUT_VARIABLE gradus_pc_prefix)  # the files may be moved with what they describe
cmake_path(GET OpenBLAS_LIBRARY PARENT_PATH gradus_openblas_folder)
set(gradus_pc_libs "-L${gradus_openblas_folder} -lopenblas -lz -pthread")
if(BUILD_SHARED_LIBS)
  set(gradus_pc_libs_private "${gradus_pc_libs}")
  set(gradus_pc_libs "")
endif()
foreach(name gradus gradus-train)
  configure_file(cmake/${name}.pc.in "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endforeach()

get_target_property(gradus_options gradus_flags INTERFACE_COMPILE_OPTIONS)
if("${gradus_options} ${CMAKE_CXX_FLAGS}" MATCHES "=native")
  install(CODE "message(\"gradus: this build is bound to this machine's processor (-march=native)\")" ALL_COMPONENTS)
endif()
if(PROJECT_IS_TOP_LEVEL)
  include(GradusPackages)
endif()
