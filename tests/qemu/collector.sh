# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Sourced by capture.sh: the collector, dumpio linked statically as an initramfs wants it.
# Foreign architectures are built with Debian's cross compiler against unpacked -dev packages.
# Format reference: cmake-toolchains(7). Not handled: libraries that have no static form, left out.

# Sets $collector. Otherwise $reason: 1 it cannot be built here, 2 it does not build.
collector_get() {
    eval "collector=\${DUMPIO_STATIC_$arch:-}"
    if [ -n "$collector" ]; then
        [ -x "$collector" ] && return 0
        reason="$collector is missing"
        return 2
    fi
    for tool in cmake "$triplet-gcc" pkg-config; do
        command -v "$tool" >/dev/null || { reason="no $tool, no DUMPIO_STATIC_$arch"; return 1; }
    done
    build=$cache/static-$arch log=$cache/static-$arch.log
    set --
    if [ "$deb_arch" != "$(dpkg --print-architecture)" ]; then
        collector_sysroot >"$log" 2>&1 || { reason=$(last "$log"); return 1; }
        set -- "-DCMAKE_TOOLCHAIN_FILE=$cache/$arch.cmake"
    fi
    collector_configure "$@" >"$log" 2>&1 ||
        { reason="static build: $(grep -A 2 '^CMake Error' "$log" | last)"; return 1; }
    cmake --build "$build" --target dumpio -j "$(nproc)" >"$log" 2>&1 ||
        { reason="static build: $(grep -E 'error:|undefined' "$log" | head -n 1)"; return 2; }
    collector=$cache/collector-$arch
    "$triplet-strip" -o "$collector" "$build/tools/dumpio"
}

collector_configure() { # [CMAKE OPTION...]
    "$triplet-g++" -print-file-name=libstdc++.a 2>/dev/null | grep -q / || # snappy is C++ inside
        set -- "$@" -DDUMPIO_SNAPPY=OFF
    cmake -S "$here/../.." -B "$build" -DCMAKE_BUILD_TYPE=Release -DDUMPIO_STATIC=ON \
        -DDUMPIO_CRYPTO=OFF -DBUILD_TESTING=OFF "$@"
}

# The libraries' headers and archives, and a toolchain file that finds them.
collector_sysroot() {
    sysroot=$cache/sysroot-$arch
    apt_unpack "$sysroot" zlib1g-dev libzstd-dev liblzo2-dev libdeflate-dev \
        libsnappy-dev || return 1
    cat >"$cache/$arch.cmake" <<END
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${triplet%%-*})
set(CMAKE_C_COMPILER $triplet-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE $triplet)
set(CMAKE_FIND_ROOT_PATH $sysroot)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_C_STANDARD_INCLUDE_DIRECTORIES $sysroot/usr/include/$triplet $sysroot/usr/include)
set(CMAKE_EXE_LINKER_FLAGS_INIT -L$sysroot/usr/lib/$triplet)
set(ENV{PKG_CONFIG_LIBDIR} $sysroot/usr/lib/$triplet/pkgconfig:$sysroot/usr/share/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} $sysroot)
END
}
