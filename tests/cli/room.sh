#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Room for the output is looked for before the work starts; zero pages take none.
# Environment: DUMPIO_BIN (the tools), DUMPIO_SCRATCH (a folder for files).
set -u
if [ "${1:-}" != inside ]; then
    unshare -rm "$0" inside
    code=$?
    [ $code = 1 ] && ! unshare -rm true 2>/dev/null && { echo "no name spaces here"; exit 77; }
    exit $code
fi
. "$(dirname "$0")/lib.sh"
mkdir small
mount -t tmpfs -o size=8M none small || { echo "cannot mount a tmpfs"; exit 77; }
blocks() { stat -c %b "$1"; }
sparse() { /usr/bin/python3 "$here/sparse_elf.py" "$@"; }

sparse sparse.elf 1G@0 1G@8G           # 2 MB of data in 2 GiB
sparse full.elf 16M@0=16M 1G@8G        # 16 MiB of data
dumpconv -q --to=kdump:zstd full.elf full.kdump || exit 1
dumpconv -q --to=kdump:zstd sparse.elf sparse.kdump || exit 1

for to in elf netdump raw; do
    for from in full.elf full.kdump; do
        expect 1 dumpconv --to=$to $from small/out
        has err "1040 MiB of memory are to be stored, 8 MiB are free"
        ok [ -z "$(ls -A small)" ]
    done
    for from in sparse.elf sparse.kdump; do
        expect 0 dumpconv -v --to=$to $from small/out
        ok [ "$(blocks small/out)" -lt 5000 ]
        if [ $from = sparse.elf ]; then
            ok sh -c '! grep -q counting err' # its holes tell
        else
            has err "counting the pages"
        fi
        rm small/out
    done
done
# what is packed, in a container, or no new file is not looked at
expect 1 dumpconv --to=kdump:none full.elf small/out
ok sh -c '! grep -q "are to be stored" err'
expect 0 dumpconv --to=elf sparse.elf small/out.zst
rm small/out.zst
mkfifo small/pipe
cat small/pipe >/dev/null &
expect 0 dumpconv --to=elf full.elf small/pipe
# of several levels, the one that fits is taken
expect 1 dumpfilter --only=0-0x1000000 --to=elf full.elf small/out
has err "16 MiB of memory are to be stored"
expect 0 dumpfilter --only=0-0x400000 --to=elf full.elf small/out

umount small
cd / && rm -rf "$DUMPIO_SCRATCH"
finish
