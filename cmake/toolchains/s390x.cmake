# SPDX-License-Identifier: Apache-2.0
# 64-bit, big-endian; its programs run under qemu-user.
set(CMAKE_SYSTEM_PROCESSOR s390x)
set(HOST s390x)
set(TRIPLET s390x-linux-gnu)
include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-s390x -L ${CMAKE_SYSROOT})
