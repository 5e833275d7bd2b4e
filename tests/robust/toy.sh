#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A new format is one file and one line: build the tree with the folder tests/toy added, and take
# the shipped dump through the toy format and back.
# usage: toy.sh [CMAKE-OPTION...]
# Environment: DUMPIO_BIN (the tools as they are), DUMPIO_SCRATCH (a folder for files).
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
rm -rf "$DUMPIO_SCRATCH"
mkdir -p "$DUMPIO_SCRATCH"
cd "$DUMPIO_SCRATCH"

fail() {
    echo "FAILED: $*"
    exit 1
}

if "$DUMPIO_BIN/dumpconv" --list | grep -q '^toy '; then
    fail "the format is there without being asked for"
fi
cmake -G Ninja -S "$root" -B build -DDUMPIO_EXTRA_FORMATS="$root/tests/toy" -DBUILD_TESTING=OFF \
    -DCMAKE_BUILD_TYPE=Debug "$@" >log 2>&1 || { tail -20 log; fail "cmake"; }
cmake --build build --target dumpio --parallel 2 >log 2>&1 || { tail -20 log; fail "build"; }
tools=$PWD/build/tools
"$tools/dumpconv" --list | grep '^toy .*rw' || fail "dumpconv --list does not name it"

zstd -q -d -f --long=29 "$root/tests/data/vmcore-x86_64-6.1.kdump.zst" -o shipped.kdump
digest() { "$tools/dumpverify" --digest -q "$1" | cut -d' ' -f1; }
facts() { "$tools/dumpinfo" --json --quick --notes -q "$1" |
    grep -E '"(release|panic|crash_time|dump_time|pid|type|bytes|phys_base|build_id)"'; }
"$tools/dumpconv" --to=toy -q --no-sync shipped.kdump a.toy
"$tools/dumpconv" toy2kdump -q --no-sync a.toy back.kdump
want=$(digest shipped.kdump)
[ "$(digest a.toy)" = "$want" ] || fail "kdump -> toy: other memory"
[ "$(digest back.kdump)" = "$want" ] || fail "toy -> kdump: other memory"
facts shipped.kdump >want
facts back.kdump >got
[ -s want ] || fail "no facts"
cmp want got || fail "toy -> kdump: other facts"
"$tools/dumpconv" --to=toy -q - - <shipped.kdump >piped.toy
[ "$(digest piped.toy)" = "$want" ] || fail "a toy dump through a pipe: other memory"
cd ..
rm -rf "$DUMPIO_SCRATCH"
echo "toy: listed, read, written, through files and pipes"
