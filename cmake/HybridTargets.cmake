# What our own targets are compiled with. None of it reaches those who link hybrid::hybrid.

# hybrid_warnings
add_library(hybrid_warnings INTERFACE)
if(HYBRID_WARNINGS)
  target_compile_options(hybrid_warnings INTERFACE
    -Wall -Wextra -Wpedantic
    -Wcast-align -Wcast-qual -Wconversion -Wextra-semi -Wformat=2 -Wimplicit-fallthrough
    -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual -Wshadow -Wundef -Wunused
    -Wno-missing-field-initializers  # designated initialisers name the few that differ
    $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-branches -Wduplicated-cond -Wlogical-op>
    $<$<CXX_COMPILER_ID:Clang>:-Wno-sign-conversion -Wthread-safety -Werror=thread-safety>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(hybrid_warnings INTERFACE -Wno-restrict)  # false alarms, GCC bug 105651
  endif()
  if(HYBRID_WARNINGS_AS_ERRORS)
    target_compile_options(hybrid_warnings INTERFACE -Werror)
  endif()
endif()

# hybrid_checks: sanitizers, and a Debug build that is quick enough to test with.
add_library(hybrid_checks INTERFACE)
if(PROJECT_IS_TOP_LEVEL)
  target_compile_options(hybrid_checks INTERFACE $<$<CONFIG:Debug>:-O1>)
  target_compile_definitions(hybrid_checks INTERFACE $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
endif()
if(HYBRID_SANITIZE)
  # -g1: a report has its lines, and compiling takes a third less.
  # vptr looks at memory through a pipe, and reports falsely where a test has left no descriptors.
  target_compile_options(hybrid_checks INTERFACE
    -fsanitize=${HYBRID_SANITIZE} -fno-sanitize=vptr -fno-sanitize-recover=all
    -fno-omit-frame-pointer -g1)
  target_link_options(hybrid_checks INTERFACE -fsanitize=${HYBRID_SANITIZE})
endif()
if(HYBRID_BUILD_FUZZERS)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "HYBRID_BUILD_FUZZERS needs clang: use the preset fuzz")
  endif()
  target_compile_options(hybrid_checks INTERFACE -fsanitize=fuzzer-no-link)
endif()

# hybrid_target(NAME): C++23, our warnings and our checks.
function(hybrid_target name)
  target_compile_features(${name} PRIVATE cxx_std_23)
  target_link_libraries(${name} PRIVATE
    $<BUILD_INTERFACE:hybrid_warnings> $<BUILD_INTERFACE:hybrid_checks>)
endfunction()

# hybrid_folder(NAME [INTO archive] [USES library...]): src/NAME as the object library hybrid_NAME, if it has files
# (hybrid_NAME_folder, if the archive has that name).
# Its objects go into the archive, by default hybrid::hybrid. USES names the folders below it, and what else its .cpp files need.
function(hybrid_folder name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "INTO" "USES")
  if(NOT arg_INTO)
    set(arg_INTO hybrid)
  endif()
  set(target hybrid_${name})
  if(target STREQUAL arg_INTO)
    set(target ${target}_folder)
  endif()
  set(folder ${CMAKE_CURRENT_SOURCE_DIR}/${name})
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  file(GLOB headers CONFIGURE_DEPENDS ${folder}/*.hpp)
  if(NOT sources)
    add_library(${target} INTERFACE)
    return()
  endif()
  add_library(${target} OBJECT ${sources})
  hybrid_target(${target})
  set_target_properties(${target} PROPERTIES
    POSITION_INDEPENDENT_CODE ON
    VERIFY_INTERFACE_HEADER_SETS ${PROJECT_IS_TOP_LEVEL})
  # Users may link us into a shared library; that must not cost us inlining.
  target_compile_options(${target} PRIVATE -fno-semantic-interposition)
  target_link_libraries(${target} PUBLIC hybrid_public_headers PRIVATE ${arg_USES})
  target_include_directories(${target} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
  if(headers)
    target_sources(${target} PUBLIC
      FILE_SET internal_headers TYPE HEADERS BASE_DIRS ${CMAKE_CURRENT_SOURCE_DIR} FILES ${headers})
  endif()
  target_sources(${arg_INTO} PRIVATE $<TARGET_OBJECTS:${target}>)
endfunction()
