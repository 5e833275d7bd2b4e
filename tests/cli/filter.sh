#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dumpfilter as a person, and as kdump's configuration, uses it.
set -u
. "$(dirname "$0")/lib.sh"

# The dump at hand was filtered at level 31; with zero pages for what is missing it is whole again.
zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o small.kdump || exit 1
dumpfilter -q -d 31 --redact small.kdump in.kdump || exit 1
size() { stat -c %s "$1"; }
level_is() { dumpinfo --quick "$2" | grep -q "^dump level  $1:"; }
digest() { dumpverify --digest "$1" | cut -d ' ' -f 1; }
same() { [ "$(digest "$1")" = "$(digest "$2")" ]; }

# ---- usage ----------------------------------------------------------------------------------------
expect 0 dumpfilter --help
has out "usage: dumpfilter"
expect 2 dumpfilter
has err "what shall be left out"
expect 2 dumpfilter in.kdump target
expect 2 dumpfilter -d 32 in.kdump target
expect 2 dumpfilter -d 8,x in.kdump target
expect 2 dumpfilter --exclude=zero,kernel in.kdump target
has err "no such class: kernel"
expect 2 dumpfilter --exclude= in.kdump target
expect 2 dumpfilter --only=5-3 in.kdump target
expect 2 dumpfilter --only=0x1000 in.kdump target
expect 2 dumpfilter --max-size=big -d 31 in.kdump target
expect 2 dumpfilter --message-level 32 -d 31 in.kdump target
expect 2 dumpfilter -d 31 in.kdump
expect 2 dumpfilter -d 16,31 in.kdump -
expect 2 dumpfilter --to=nothing -d 31 in.kdump target
expect 2 dumpfilter --dry-run -o target -d 31 in.kdump
expect 1 dumpfilter -d 31 no-such-file target
expect 1 dumpfilter -d 31 -x no-such-vmlinux in.kdump target
has err "no-such-vmlinux"
expect 1 dumpfilter -d 31 -i no-such-text in.kdump target
ok [ ! -e target ]

# ---- levels and classes -----------------------------------------------------------------------------
expect 0 dumpfilter -d 31 in.kdump d31.kdump
ok level_is 31 d31.kdump
ok same small.kdump d31.kdump
expect 0 dumpfilter --exclude=zero,private,user,free in.kdump named.kdump
ok same d31.kdump named.kdump
ok level_is 31 named.kdump
expect 0 dumpfilter -v -d 8 in.kdump d8.kdump
has err "left out: 11443 pages, user"
expect 0 dumpfilter -v --exclude=freed in.kdump freed.kdump
has err "left out: 128 pages, freed"
expect 0 dumpfilter -d 0 in.kdump d0.kdump
ok same in.kdump d0.kdump
expect 1 dumpfilter -d 31 in.kdump d31.kdump
has err "exists"
expect 0 dumpfilter -f -d 31 in.kdump d31.kdump

# ---- again, through streams and other formats -------------------------------------------------------
expect 0 dumpfilter -d 16 in.kdump d16.kdump
expect 0 dumpfilter -d 15 d16.kdump again.kdump
ok same d31.kdump again.kdump
ok level_is 31 again.kdump
# levels add up
expect 0 dumpfilter -d 8 small.kdump more.kdump
ok level_is 31 more.kdump
for to in elf kdump:lzo kdump:snappy kdump:zstd kdump:none diskdump; do
    expect 0 dumpfilter -d 31 --to=$to in.kdump "other.$to"
    ok same d31.kdump "other.$to"
done
expect 0 dumpconv --to=elf in.kdump whole.elf
for to in elf lkcd; do # from a format to itself, which has no place for the level
    expect 0 dumpconv --to=$to whole.elf "own.$to"
    expect 0 dumpfilter -d 31 --to=$to "own.$to" "own31.$to"
    ok level_is 31 "own31.$to"
    ok same d31.kdump "own31.$to"
done
for option in -c -l -p -z -E; do
    expect 0 dumpfilter $option -d 31 in.kdump "option$option"
    ok same d31.kdump "option$option"
done
dumpfilter -q -l -d 31 -F in.kdump >flat
ok same d31.kdump flat
ok [ "$(head -c 12 flat)" = makedumpfile ]
dumpfilter -q -d 31 --message-level 7 --num-threads 2 - - <in.kdump >piped
ok same d31.kdump piped
for threads in 1 2 4; do
    expect 0 dumpfilter -T $threads -z -d 31 in.kdump "threads.$threads"
    ok cmp -s threads.1 "threads.$threads"
done

# ---- sizes ------------------------------------------------------------------------------------------
expect 1 dumpfilter -d 31 --max-size=1M in.kdump small
has err "larger than 1048576 bytes"
ok [ ! -e small ]
expect 0 dumpfilter --codec=none --exclude=freed in.kdump without
expect 0 dumpfilter --codec=none -d 1,31 --exclude=freed --max-size="$(($(size without) - 1))" in.kdump fits
has err "trying 31"
ok level_is 31 fits

# ---- ranges and redaction ---------------------------------------------------------------------------
expect 0 dumpfilter --only=0x1000000-0x2000000 in.kdump only
expect 0 dumpinfo --quick --ranges --json only
expect 0 dumpfilter --exclude-range=0-0x1000000,0x2000000-0x100000000 in.kdump dropped
ok same only dropped
lacks_note() { ! grep -q "kept whole" err; }
ok lacks_note
# a page that is cut is kept whole, and told
expect 0 dumpfilter --exclude-range=0-0xfffc00,0x2000400-0x3000000,0x3000000-0x100000000 in.kdump cut
has err "the page at 0xfff000 is kept whole: only 0xfff000-0xfffc00 of it is in a range to leave out"
has err "the page at 0x2000000 is kept whole: only 0x2000400-0x2001000 of it is"
ok [ "$(grep -c "kept whole" err)" = 2 ]
expect 0 dumpfilter --only=0xfff000-0x2001000 in.kdump same
ok lacks_note
ok same cut same
expect 0 dumpfilter -v --only=0x1000800-0x1000c00 in.kdump inside
has err "the page at 0x1000000 is kept whole: only 0x1000800-0x1000c00 of it is in a range to keep"
ok [ "$(grep -c "kept whole" err)" = 1 ]
expect 0 dumpfilter -d 31 --redact in.kdump redacted
expect 0 dumpverify redacted
has out "excluded  0 pages"
has out "present   65397 pages"
expect 0 dumpinfo redacted
has out "redacted=zero pages"

# memory that the kernel does not know, behind all that it knows: left out, and the end is the end.
# A segment is moved there, one without which the kernel can still be understood.
move() { # N: the N-th segment with data, from the back
    /usr/bin/python3 -c '
import struct, sys
d = bytearray(open("other.elf", "rb").read())
n, at = struct.unpack_from("<H", d, 56)[0], struct.unpack_from("<Q", d, 32)[0]
loads = [(at + 56 * i, list(struct.unpack_from("<IIQQQQQQ", d, at + 56 * i))) for i in range(n)]
at, load = [x for x in loads if x[1][0] == 1 and x[1][5]][-int(sys.argv[1])]
load[4] = 1 << 40  # p_paddr
struct.pack_into("<IIQQQQQQ", d, at, *load)
open("rom.elf", "wb").write(d)' "$1"
}
for segment in $(seq 2 40); do
    move "$segment"
    dumpfilter -q -f -d 31 rom.elf known 2>/dev/null && break
done
expect 0 timeout 60 dumpfilter -f --ram-only -d 31 rom.elf known
ok sh -c 'dumpinfo --quick --ranges rom.elf | grep -q 10000000000'
ok sh -c '! dumpinfo --quick --ranges known | grep -q 10000000000'

# ---- what it says -----------------------------------------------------------------------------------
expect 0 dumpfilter --dry-run --json -d 31 in.kdump
has out '"user"'
ok /usr/bin/python3 -c '
import json, sys
r = json.load(open("out"))
c = r["classes"]
assert c["user"]["pages"] == 11443 and c["user"]["excluded"], c
assert c["free"]["pages"] == 31757 and c["cache"]["pages"] + c["private"]["pages"] == 5362, c
assert r["excluded_pages"] == sum(v["pages"] for v in c.values() if v["excluded"]), r
assert r["kept_pages"] + r["excluded_pages"] == sum(v["pages"] for v in c.values()), r
e = r["estimates"]
import os
for name, file in (("kdump:lzo", "other.kdump:lzo"), ("kdump:zstd", "other.kdump:zstd")):
    assert 0.7 < e[name] / os.path.getsize(file) < 1.3, (name, e[name], os.path.getsize(file))
'
expect 0 dumpfilter --input-digest -d 31 in.kdump noted
expect 0 dumpinfo --json noted
has out "input.digest=$(digest in.kdump)"
has out 'pages.user=11443 left out'
has out 'options=--input-digest -d 31'
expect 0 dumpfilter --dump-dmesg in.kdump log
ok grep -q "sysrq triggered crash" log
expect 1 dumpfilter --dump-dmesg in.kdump log
expect 0 dumpfilter -f --dump-dmesg in.kdump log

# ---- kernels that cannot be understood --------------------------------------------------------------
head -c 3000000 /dev/zero >zeros
expect 1 dumpfilter --from=raw --arch=x86_64 -d 31 zeros target
ok [ ! -e target ]
expect 3 dumpfilter --from=raw --arch=x86_64 --keep-unknown -d 31 zeros kept
has err "could not be classified"
expect 0 dumpfilter --from=raw --arch=x86_64 -d 1 zeros kept1
finish
