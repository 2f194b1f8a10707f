# The installed package: libhybrid.a, its headers, the program, and the files for find_package and pkg-config.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/hybrid)

install(TARGETS hybrid EXPORT hybrid
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILE_SET adapters DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT hybrid FILE hybrid-targets.cmake NAMESPACE hybrid:: DESTINATION ${package_dir})
if(TARGET hybrid_cli)
  install(TARGETS hybrid_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/hybrid-config.cmake.in
  ${PROJECT_BINARY_DIR}/generated/hybrid-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/generated/hybrid-config-version.cmake
  COMPATIBILITY SameMajorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/generated/hybrid-config.cmake
  ${PROJECT_BINARY_DIR}/generated/hybrid-config-version.cmake
  ${CMAKE_CURRENT_LIST_DIR}/FindIsal.cmake
  DESTINATION ${package_dir})

# hybrid.pc finds the prefix from its own place, so that the installed tree can be moved.
cmake_path(IS_ABSOLUTE CMAKE_INSTALL_LIBDIR libdir_is_absolute)
if(libdir_is_absolute)
  set(HYBRID_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
else()
  set(up ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  string(REGEX REPLACE "[^/]+" ".." up ${up})
  set(HYBRID_PC_PREFIX "\${pcfiledir}/${up}")
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/hybrid.pc.in ${PROJECT_BINARY_DIR}/generated/hybrid.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/generated/hybrid.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
