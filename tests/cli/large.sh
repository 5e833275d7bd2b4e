#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Dumps with memory and file offsets above 4 GiB, where 32 bits end: every format, there and back.
# Environment: DUMPIO_BIN (the tools), DUMPIO_SCRATCH (a folder for files).
set -u
. "$(dirname "$0")/lib.sh"

digest() { dumpverify -q --digest "$1" | cut -d ' ' -f 1; }

# The last segment: above 4 GiB in the file as well as in memory.
/usr/bin/python3 "$here/sparse_elf.py" in.elf 2M@0 4200M@4G=1M 2M@10G || exit 1
ok [ "$(stat -c %s in.elf)" -gt $((4200 << 20)) ]
want=$(digest in.elf)
ok [ -n "$want" ]
for to in elf kdump:zstd lkcd:gzip diskdump:none; do
    expect 0 dumpconv -q -f -M 48M --no-sync --to=$to in.elf out.dump
    ok [ "$(digest out.dump)" = "$want" ]
done
# Raw: the holes are there too, as zeros; what is read at 10 GiB is what was there.
expect 0 dumpconv -q --no-sync --to=raw in.elf out.raw
ok [ "$(stat -c %s out.raw)" = $(((10 << 30) + (2 << 20))) ]
ok cmp -s -n $((2 << 20)) <(tail -c 2M in.elf) <(tail -c 2M out.raw)
rm -f out.raw
# In parts, the second of which begins above 4 GiB.
expect 0 dumpsplit -q --no-sync --by=memory --parts=2 --to=elf in.elf part
expect 0 dumpmerge -q -f --no-sync part001 part002 out.dump
ok [ "$(digest out.dump)" = "$want" ]

cd / && rm -rf "$DUMPIO_SCRATCH"
finish
