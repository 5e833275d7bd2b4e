# SPDX-License-Identifier: Apache-2.0
# musl instead of glibc, static: musl-gcc, with the libraries that scripts/host-musl has built for it.
set(CMAKE_C_COMPILER musl-gcc)
get_filename_component(DUMPIO_TREE ${CMAKE_CURRENT_LIST_DIR}/../../build/hosts/musl REALPATH)
set(CMAKE_FIND_ROOT_PATH ${DUMPIO_TREE})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_C_FLAGS_INIT "-idirafter ${DUMPIO_TREE}/kernel-headers")
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
set(ENV{PKG_CONFIG_LIBDIR} ${DUMPIO_TREE}/lib/pkgconfig)
