#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The smallest build, without any optional library, as a capture kernel may want it: it builds, does
# its work, and says what is not built in.
# Environment: DUMPIO_BIN (the tools), DUMPIO_SCRATCH (a folder for files).
set -u
. "$(dirname "$0")/lib.sh"
source=$here/../..
whole=$DUMPIO_BIN
zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o in.kdump || exit 1
mapfile -t off < <(sed -n 's/^option(\(DUMPIO_[A-Z]*\) .* ON)$/-D\1=OFF/p' "$source/CMakeLists.txt")
ok [ "${#off[@]}" -ge 8 ]
expect 0 cmake -S "$source" -B build "${off[@]}" -DCMAKE_BUILD_TYPE=Debug -DDUMPIO_WERROR=ON \
    -DBUILD_TESTING=OFF
expect 0 cmake --build build -j "$(nproc)"
bare=$PWD/build/tools
expect 0 "$bare/dumpconv" --to=kdump:zlib in.kdump out.kdump
expect 0 "$whole/dumpverify" --digest out.kdump
cp out whole.digest
expect 0 "$bare/dumpverify" --digest in.kdump
ok cmp -s <(cut -d ' ' -f 1 out) <(cut -d ' ' -f 1 whole.digest)
expect 0 "$bare/dumpfilter" -d 31 --to=elf in.kdump small.elf
expect 1 "$bare/dumpconv" --to=kdump:lzo in.kdump no
has err 'not built in'
expect 1 "$bare/dumpconv" --to=elf --wrap=xz in.kdump no
has err 'built without'
expect 1 "$bare/dumpcrypt" -p -o no in.kdump
has err 'built without libcrypto'
# ---- a signature that cannot be checked is no bad one
ssh-keygen -q -t ed25519 -N '' -f key || exit 1
expect 0 "$whole/dumpconv" --to=elf --sign=key in.kdump signed.elf
expect 1 "$bare/dumpverify" signed.elf
has err 'built without libcrypto'
expect 1 "$bare/dumpconv" --to=elf --sign=key in.kdump no
has err 'built without libcrypto'
ok [ ! -e no ]
finish
