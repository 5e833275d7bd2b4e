#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `cmake --install` by components, and what others do with the result: find_package in C and C++,
# pkg-config, a moved prefix, the shared library's name and symbols.
# Environment: DUMPIO_BIN (the tools; the build folder is above), DUMPIO_SCRATCH.
set -u
. "$(dirname "$0")/../cli/lib.sh"
build=$DUMPIO_BIN/..
BYTES=68956160 # 16835 pages

zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o vmcore || exit 1

# ---- components ------------------------------------------------------------------------------
for part in runtime development tools; do
    expect 0 cmake --install "$build" --prefix "$PWD/$part" --component $part
    (cd $part && find . ! -type d | sort) >$part.list
done
expect 0 cmake --install "$build" --prefix "$PWD/first" --component runtime
expect 0 cmake --install "$build" --prefix "$PWD/first" --component development
expect 0 cmake --install "$build" --prefix "$PWD/first" --component tools
ok test "$(sort runtime.list development.list tools.list | uniq -d | wc -l)" = 0
has runtime.list libdumpio.so.1
has development.list libdumpio.so
has development.list libdumpio.a
has development.list include/dumpio/dumpio.h
has development.list include/dumpio/crypt.h
has development.list man3/libdumpio.3
for tool in dumpio $(dumpio --help | sed -n 's/^  \([a-z]*\) .*/dump\1/p'); do
    has tools.list "bin/$tool"
    has tools.list "man1/$tool.1"
    has tools.list "completions/$tool"
    has tools.list "vendor_completions.d/$tool.fish"
    ok first/bin/$tool --version >out
done
has tools.list man5/dumpio-formats.5
ok test -s "tools/share/bash-completion/completions/dumpio"

# ---- the prefix may be moved -----------------------------------------------------------------
mv first prefix
library=$(find "$PWD/prefix" -name libdumpio.so.1 -printf '%h\n')
export PKG_CONFIG_PATH=$library/pkgconfig
expect 0 cmake -S "$here/../package/consumer" -B consumer -DCMAKE_PREFIX_PATH="$PWD/prefix"
expect 0 cmake --build consumer
for program in c_shared c_static cxx_shared cxx_static; do
    expect 0 consumer/$program vmcore
    has out $BYTES
done
expect 0 ldd consumer/c_static
ok sh -c '! grep -q libdumpio out'
expect 0 ldd consumer/cxx_shared
has out "$library/libdumpio.so.1"

# ---- pkg-config ---------------------------------------------------------------------------------
ok test "$(pkg-config --modversion dumpio)" = "$(dumpio --version | cut -d' ' -f2)"
# shellcheck disable=SC2046
expect 0 cc -o by_pc "$here/../package/consumer/pages.c" $(pkg-config --cflags --libs dumpio) \
    -Wl,-rpath,"$library"
expect 0 ./by_pc vmcore
has out $BYTES

# ---- the shared library -------------------------------------------------------------------------
expect 0 readelf -d "$library/libdumpio.so.1"
has out "Library soname: [libdumpio.so.1]"
nm -D --defined-only "$library/libdumpio.so.1" >symbols
ok test "$(grep -c ' T dumpio_[a-z_0-9]*@@DUMPIO_0.1$' symbols)" -gt 30
ok test "$(grep -cv -e ' T dumpio_.*@@DUMPIO_0.1$' -e ' A DUMPIO_0.1' symbols)" = 0
# What the headers declare is there.
grep -ohE '\bdumpio_[a-z_0-9]+\(' prefix/include/dumpio/*.h | tr -d '(' | sort -u >declared
sed -n 's/.* T \(dumpio_[a-z_0-9]*\)@.*/\1/p' symbols | sort >defined
ok test -z "$(comm -23 defined declared)"
ok test -z "$(grep -ohE 'DUMPIO_API [^;(]*\bdumpio_[a-z_0-9]+\(' prefix/include/dumpio/*.h |
    grep -oE 'dumpio_[a-z_0-9]+\(' | tr -d '(' | sort -u | comm -23 - defined)"
finish
