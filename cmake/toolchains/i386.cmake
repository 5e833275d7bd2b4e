# SPDX-License-Identifier: Apache-2.0
# 32-bit, little-endian, built by the gcc of x86_64 for the processors that Debian's i386 supports. An
# x86_64 kernel runs its programs by itself; the emulator is the dynamic linker of the tree.
set(CMAKE_SYSTEM_PROCESSOR i686)
set(HOST i386)
set(TRIPLET i386-linux-gnu)
set(CMAKE_C_COMPILER gcc)
set(CMAKE_C_FLAGS_INIT "-m32 -march=i686 -Wno-psabi")
include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
set(CMAKE_CROSSCOMPILING_EMULATOR ${CMAKE_SYSROOT}/lib/ld-linux.so.2 --library-path
    ${CMAKE_SYSROOT}/usr/lib/${TRIPLET}:${CMAKE_SYSROOT}/lib/${TRIPLET})
