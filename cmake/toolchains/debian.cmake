# SPDX-License-Identifier: Apache-2.0
# What the toolchains of Debian's other architectures share: the tree of the host's libraries that
# scripts/hosts makes, and nothing but it. Included with HOST (Debian's name of it) and TRIPLET set.
set(CMAKE_SYSTEM_NAME Linux)
set(DUMPIO_TREES ${CMAKE_CURRENT_LIST_DIR}/../../build/hosts)
get_filename_component(DUMPIO_TREES ${DUMPIO_TREES} REALPATH)
set(CMAKE_SYSROOT ${DUMPIO_TREES}/${HOST})
set(CMAKE_FIND_ROOT_PATH ${CMAKE_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_LIBRARY_ARCHITECTURE ${TRIPLET})
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR}
    ${CMAKE_SYSROOT}/usr/lib/${TRIPLET}/pkgconfig:${CMAKE_SYSROOT}/usr/share/pkgconfig)

if(NOT CMAKE_C_COMPILER) # the cross compiler in its own tree; its binutils are the system's
  set(CMAKE_C_COMPILER ${DUMPIO_TREES}/${HOST}-gcc/usr/bin/${TRIPLET}-gcc)
  set(CMAKE_C_FLAGS_INIT -B/usr/${TRIPLET}/bin)
endif()
