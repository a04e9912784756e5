# find_package(tripline): the client library of the Tripline risk sidecar, for C and C++.
#
#   tripline::tripline   the shared library
#   tripline::static     the static library and what it needs
#
# Installed as <prefix>/lib/cmake/tripline/, so that the prefix is found from here.
get_filename_component(_tripline_lib "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
get_filename_component(_tripline_prefix "${_tripline_lib}/.." ABSOLUTE)

if(NOT TARGET tripline::tripline)
  add_library(tripline::tripline SHARED IMPORTED)
  set_target_properties(tripline::tripline PROPERTIES
    IMPORTED_LOCATION "${_tripline_lib}/libtripline.so"
    IMPORTED_NO_SONAME TRUE
    INTERFACE_INCLUDE_DIRECTORIES "${_tripline_prefix}/include")
endif()

if(NOT TARGET tripline::static)
  find_package(Threads REQUIRED)
  add_library(tripline::static STATIC IMPORTED)
  set_target_properties(tripline::static PROPERTIES
    IMPORTED_LOCATION "${_tripline_lib}/libtripline.a"
    INTERFACE_INCLUDE_DIRECTORIES "${_tripline_prefix}/include"
    INTERFACE_LINK_LIBRARIES "gcc_s;util;rt;Threads::Threads;m;dl;c")
endif()

unset(_tripline_lib)
unset(_tripline_prefix)
