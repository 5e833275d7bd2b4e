#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# --memory: 48 MiB are enough for machines of any size, whatever is done with their dumps.
# Environment: DUMPIO_BIN (the tools), DUMPIO_SCRATCH (a folder for files).
set -u
. "$(dirname "$0")/lib.sh"

sparse() { /usr/bin/python3 "$here/sparse_elf.py" "$@" || exit 1; }
# within COMMAND...: at most 48 MiB of its own, and 64 with program and libraries
within() {
    local tool=$1
    shift
    ok /usr/bin/python3 "$here/peak.py" $((48 * 1024)) $((64 * 1024)) "$tool" -q -M 48M "$@"
}
digest() { dumpverify -q --digest "$1" | cut -d ' ' -f 1; }

# ---- 2 GiB, an eighth of it noise -----------------------------------------------------------------
sparse two.elf 2G@0=128M
for codec in zlib lzo snappy zstd none; do
    ! dumpconv --list | grep -q " $codec (not built in)" || continue
    within dumpconv -f --to=kdump:$codec two.elf two.kdump
done
within dumpconv -f -T 16 --to=kdump:zstd two.elf two.kdump
within dumpfilter -d 1 two.kdump less.kdump
within dumpconv --flatten --to=kdump:zstd two.elf two.flat
within dumpverify two.flat
within dumpconv --to=lkcd two.kdump two.lkcd
within dumpconv --to=elf two.lkcd back.elf
ok [ "$(digest back.elf)" = "$(digest two.elf)" ]
within dumpconv --to=kdump:zstd --wrap=zst two.elf two.zst
within dumpverify two.zst
TMPDIR=nowhere within dumpconv -f --no-spool --to=kdump:lzo - two.kdump < <(cat two.elf)
ok [ "$(digest two.kdump)" = "$(digest two.elf)" ]
TMPDIR=nowhere within dumpconv --to=raw - two.raw < <(cat two.kdump)
sparse small.elf 128M@0=8M
for suffix in xz gz; do
    within dumpconv --to=elf small.elf "small.elf.$suffix"
    within dumpverify "small.elf.$suffix"
done
rm -f two.* less.* back.* small.*

# ---- 1 TiB, all of it there -----------------------------------------------------------------------
sparse tib.elf 1T@0
within dumpconv --to=elf tib.elf tib2.elf
within dumpinfo --ranges tib2.elf
ok [ "$(stat -c %b tib2.elf)" -lt 10000 ]
rm -f tib.elf tib2.elf

# ---- 15 TiB with holes: large bitmaps, few pages --------------------------------------------------
sparse wide.elf 16M@0 16M@1T 16M@7T 1G@15T
within dumpconv --to=kdump wide.elf wide.kdump
ok [ "$(stat -c %s wide.kdump)" -gt 1000000000 ] # the bitmaps of 4 billion pages
ok [ "$(stat -c %b wide.kdump)" -lt 100000 ]
within dumpinfo --ranges wide.kdump
within dumpconv --to=elf wide.kdump wide2.elf
within dumpconv --to=kdump:zstd wide.kdump wide2.kdump
within dumpverify wide2.kdump
ok [ "$(digest wide.elf)" = "$(digest wide2.elf)" ]
ok [ "$(digest wide.elf)" = "$(digest wide2.kdump)" ]

cd / && rm -rf "$DUMPIO_SCRATCH"
finish
