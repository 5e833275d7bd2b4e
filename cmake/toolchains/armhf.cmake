# SPDX-License-Identifier: Apache-2.0
# 32-bit, little-endian; its programs run under qemu-user.
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(HOST armhf)
set(TRIPLET arm-linux-gnueabihf)
include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-arm -L ${CMAKE_SYSROOT})
