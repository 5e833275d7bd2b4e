#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Streams on either side: what goes to a temporary file is said; lost pages are marked in a pipe too.
# Environment: DUMPIO_BIN (the tools), DUMPIO_SCRATCH (a folder for files).
set -u
. "$(dirname "$0")/lib.sh"

zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o in.kdump || exit 1
digest() { dumpverify --digest "$1" 2>/dev/null | cut -d ' ' -f 1; }
same() { [ -n "$(digest "$1")" ] && [ "$(digest "$1")" = "$(digest "$2")" ]; }

# ---- what comes in --------------------------------------------------------------------------------
mkdir place
TMPDIR=place dumpconv --to=elf - in.elf <in.kdump 2>err # a file, though on standard input
ok sh -c '! grep -q spooling err'
cat in.kdump | TMPDIR=place dumpconv --to=elf - piped.elf 2>err
has err "spooling it to a temporary file in place "
ok same in.kdump piped.elf
ok [ -z "$(ls -A place)" ]
cat in.kdump | dumpconv -q --to=elf - quiet.elf 2>err
ok [ ! -s err ]
cat in.kdump | TMPDIR=nowhere dumpconv --to=elf - nothing 2>err
has err "cannot make a temporary file in nowhere"
dumpconv -q --to=kdump in.kdump - | dumpconv --to=elf - flat.elf 2>err
has err "spooling"
ok same in.kdump flat.elf

# ---- lost pages that turn up behind the headers ---------------------------------------------------
head -c 30000000 in.kdump >cut.kdump
expect 3 dumpconv --to=elf cut.kdump file.elf
dumpconv --to=elf cut.kdump - 2>err | cat >pipe.elf
ok [ "${PIPESTATUS[0]}" = 3 ]
has err "marked at the end"
ok same file.elf pipe.elf
dumpinfo --quick --ranges file.elf | grep ' lost' >file.lost
dumpinfo --quick --ranges pipe.elf | grep ' lost' >pipe.lost
ok [ -s file.lost ]
ok cmp file.lost pipe.lost
expect 3 dumpinfo --quick --json pipe.elf
has out '"incomplete": true'
ok [ "$(digest pipe.elf)" != "$(digest in.kdump)" ]
# the pages are where they are in a file, and a stream of a whole dump has no trailer
ok cmp -s -i $((1 << 20)) -n $(($(stat -c %s file.elf) - (1 << 20))) file.elf pipe.elf
dumpconv -q --to=elf in.kdump - | cat >whole.elf
ok [ "$(stat -c %s whole.elf)" = "$(stat -c %s in.elf)" ]
# cut within the trailer, or something else behind the pages: still a dump
head -c -40 pipe.elf >short.elf
dumpinfo --quick short.elf >out 2>&1
has out "TRUNCATED"
(cat whole.elf; head -c 5000 /dev/urandom) >longer.elf
expect 0 dumpinfo --quick longer.elf
ok same in.kdump longer.elf

cd / && rm -rf "$DUMPIO_SCRATCH"
finish
