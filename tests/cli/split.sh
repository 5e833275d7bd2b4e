#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dumpsplit and dumpmerge, and parts straight from a conversion: every way gives the input back, is
# gone on with after an interruption, and says what is wrong.
# Not covered: trials of damage (split_trials.sh), other programs that read the parts (interop).
set -u
. "$(dirname "$0")/lib.sh"
quick="--no-sync -q"
zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o small.kdump || exit 1
expect 0 dumpconv $quick --to=kdump:zlib small.kdump dump
expect 0 dumpconv $quick --to=elf small.kdump dump.elf
expect 0 dumpcrypt keygen -o key
me=$(grep -o 'age1[0-9a-z]*' key)

digest() { dumpverify --digest -q "$@" 2>/dev/null | cut -d' ' -f1; }
gone() { [ ! -e "$1" ] && [ ! -e "$1.dumpmerge" ] && ! ls ".$1".* >/dev/null 2>&1; }
equal() { [ -n "$1" ] && [ "$1" = "$2" ]; }
same() { equal "$(digest "$1")" "$want"; }
none() { ! ls -A "$@" >/dev/null 2>&1; }
not() { ! "$@"; }
at_most() { # SIZE FILE...
    local file size=$1
    shift
    for file; do
        [ "$(stat -c %s "$file")" -le "$size" ] || return 1
    done
}
want=$(digest dump)

# ---- usage ----------------------------------------------------------------------------------------
expect 2 dumpsplit dump p
has err "either --size or --parts"
expect 2 dumpsplit --parts=2 --size=1M dump p
expect 2 dumpsplit --parts=0 dump p
expect 2 dumpsplit --size=0 dump p
expect 2 dumpsplit --parts=2 dump
expect 2 dumpsplit --parts=2 --by=pages dump p
expect 2 dumpsplit --parts=2 --to=elf dump p
expect 2 dumpsplit --parts=2 --name=p dump
expect 2 dumpsplit --parts=2 --name=p%s dump
expect 2 dumpsplit --parts=2 --name=p%d%d dump
expect 2 dumpsplit --by=memory --parts=2 --to=raw dump p
has err "cannot tell memory of other parts"
expect 2 dumpsplit --by=memory --parts=2 --align=100 dump p
expect 2 dumpsplit --by=memory --parts=100000 dump p
expect 2 dumpsplit --parts=2 - p
has err "a stream can be split by size only"
expect 2 dumpmerge dump
expect 1 dumpsplit --parts=2 missing p
ok none p0* p.* .p*

# ---- by bytes -------------------------------------------------------------------------------------
head -c 3000017 dump >file
expect 0 dumpsplit $quick --parts=20 file p
ok cmp -s file <(cat p0[0-9][0-9])
expect 0 sha256sum -c --quiet p.sha256
expect 0 dumpmerge --no-sync p* whole
has err "p.sha256 is no part"
has err "20 parts joined"
ok cmp -s whole file
ok [ "$(stat -c %a whole)" = 600 ]
expect 1 dumpmerge $quick p0?? whole
has err "exists"
expect 0 dumpsplit $quick --size=100000 --name=01234567_vmcore.part%05d file
ok test -s 01234567_vmcore.part00031
ok test -s 01234567_vmcore.part.manifest.json
expect 0 dumpmerge $quick -f 01234567_vmcore.part* whole
ok cmp -s whole file
dumpsplit $quick --size=1M - stream <file
ok test $? = 0
expect 0 dumpmerge $quick -f stream0?? whole
ok cmp -s whole file
dumpsplit $quick --size=1000 - many <file
ok test -s many3001
expect 0 dumpmerge $quick -f many[0-9]* whole
ok cmp -s whole file
: >empty
expect 0 dumpsplit $quick --parts=1 empty e
expect 0 dumpmerge $quick e001 was.empty
ok cmp -s empty was.empty
expect 0 dumpsplit $quick --size=1M --wrap=zst file z
ok cmp -s file <(cat z0?? | zstd -dc)
rm -rf whole stream* many* 0123* e001 e.* z*

# ---- without a manifest: pieces that `split` made, in any order but the first ---------------------
expect 0 dumpconv $quick --to=elf dump pieces.elf.zst
split -n 3 pieces.elf.zst piece.
expect 0 dumpmerge --no-sync piece.ab piece.aa piece.ac wrong
has err "there is no manifest"
expect 0 dumpmerge $quick piece.aa piece.ab piece.ac whole
ok cmp -s whole pieces.elf.zst
expect 1 dumpmerge --to=kdump piece.aa piece.ab piece.ac other
has err "convert it afterwards"
expect 1 dumpmerge $quick piece.ab piece.ac other
has err "none of the 2 files begins like a dump"
ok gone other
rm -f piece* wrong whole

# ---- an interrupted run is gone on with: its parts need not be there any more ---------------------
head -c 1000000 file >whole.dumpmerge
mkdir away
mv p001 p002 away
expect 0 dumpmerge --no-sync p0?? whole
has err "the first 6 parts"
ok cmp -s whole file
rm -f whole
expect 1 dumpmerge $quick p0?? whole
has err "part p001 is missing"
mv away/* .
head -c 1000000 /dev/urandom >whole.dumpmerge # nothing of it proves itself
expect 0 dumpmerge $quick p0?? whole
ok cmp -s whole file
rm -f whole

# ---- salvage ----------------------------------------------------------------------------------------
cp p013 again
expect 1 dumpmerge $quick p0?? again whole
has err "again is a duplicate of p013"
ok gone whole
rm p004 again
printf x | dd of=p007 bs=1 seek=500 conv=notrunc status=none
expect 1 dumpmerge $quick p0?? whole
has err "part p004 is missing"
has err "p007 is damaged"
expect 3 dumpmerge --no-sync --salvage p0?? whole
has err "lost: 0x6ddd3-0x927c4: part p004 is missing"
has err "part p007 is damaged somewhere here"
ok test "$(stat -c %s whole)" = 3000017
ok cmp -s <(head -c 450003 whole) <(head -c 450003 file)
rm -f whole p*

# ---- a failed or stopped split leaves nothing behind -----------------------------------------------
touch f003
expect 1 dumpsplit $quick --parts=5 file f
has err "f003 exists"
ok test "$(echo f* .f*)" = "f003 file .f*"
expect 0 dumpsplit $quick -f --parts=5 file f
ok cmp -s file <(cat f0??)
rm f0* f.*
mkfifo pipe
timeout 60 dumpsplit $quick --size=1M - endless <pipe &
splitting=$!
timeout 60 bash -c 'while cat file; do sleep 0.02; done' >pipe 2>/dev/null &
for ((i = 0; i < 200; i++)); do
    none .endless002* || break
    sleep 0.05
done
ok not none .endless002*
kill $splitting # timeout passes it on
wait $splitting
ok test $? != 0
wait
rm pipe
ok none endless* .endless*

# ---- by memory ------------------------------------------------------------------------------------
for what in kdump elf lkcd; do
    expect 0 dumpsplit $quick --by=memory --align=256K --to=$what --parts=3 dump m
    expect 0 sha256sum -c --quiet m.sha256
    expect 0 dumpmerge $quick m003 m001 m002 joined
    ok same joined
    rm -f m.* joined
    expect 0 dumpmerge $quick m002 m003 m001 joined # the dumps themselves tell
    ok same joined
    expect 0 dumpmerge $quick --to=elf m001 m003 m002 joined.elf.zst
    ok same joined.elf.zst
    rm -f joined* m*
done
expect 0 dumpsplit $quick --by=memory --align=256K --parts=3 dump m
ok equal "$(digest --set m0??)" "$want"
for what in elf:2097152 kdump:3145728; do
    expect 0 dumpsplit $quick --by=memory --size=${what#*:} --to=${what%:*} dump s.
    ok at_most ${what#*:} s.0??
    expect 0 dumpmerge $quick s.* joined
    ok same joined
    rm -f s.* joined
done
expect 1 dumpsplit $quick --by=memory --size=100K dump s.
has err "have no room for memory"
ok none s.* .s.*

# A part is missing, with a manifest and without; what is lost is listed.
mv m002 away
expect 1 dumpmerge $quick m0?? joined
has err "part m002 is missing"
ok gone joined
expect 3 dumpmerge --no-sync --salvage m0?? joined
has err "lost: 0x"
ok not same joined
ok test -s joined
rm m.* joined
expect 1 dumpmerge $quick m0?? joined
has err "in none of the parts"
ok gone joined
rm -f m* away/*

# ---- dumps of one machine that cover different memory ---------------------------------------------
expect 0 dumpfilter $quick --to=elf --only=0-0x9000000 dump low
expect 0 dumpfilter $quick --to=kdump:none --only=0x8000000-0x20000000 dump high
expect 0 dumpmerge $quick high low joined
ok same joined
rm joined
# one byte of what both hold, in the ELF: LOAD segments say where
/usr/bin/python3 - low 0x8000000 >place <<'END'
import struct, sys
with open(sys.argv[1], "rb") as f:
    head = f.read(1 << 20)
phoff, = struct.unpack_from("<Q", head, 32)
size, count = struct.unpack_from("<HH", head, 54)
for i in range(count):
    kind, _, off, _, phys, length = struct.unpack_from("<IIQQQQ", head, phoff + i * size)
    if kind == 1 and phys >= int(sys.argv[2], 0) and length:
        print(off + 0x123, hex(phys + 0x123))
        break
END
read -r offset address <place
printf '\x5a\xa5' | dd of=low bs=1 seek="$offset" conv=notrunc status=none
expect 1 dumpmerge $quick high low joined
has err "contradict each other: physical address $address"
ok gone joined
expect 3 dumpmerge --no-sync --salvage high low joined
has err "differ at $address"
rm -f joined
expect 0 dumpfilter $quick --to=elf --only=0-0x9000000 --redact dump other
sed -i 's/OSRELEASE=6\.1\.0/OSRELEASE=6.1.9/' other
expect 1 dumpmerge $quick other high joined
has err "foreign"
ok gone joined
rm -f low high other place

# ---- straight from a conversion ---------------------------------------------------------------------
expect 0 dumpconv $quick --to=kdump:none dump ref
expect 0 dumpconv $quick --to=kdump:none --split=1M dump c.
ok at_most 1048576 c.0??
ok cmp -s ref <(cat c.0??)
image() { sed -n '/"image"/,/}/s/.*"sha256": "\([0-9a-f]*\)".*/\1/p' "$@" | head -1; }
ok equal "$(image c.manifest.json)" "$want" # the memory, without another pass over it
ok equal "$(dumpverify --digest -q --set c.0?? | cut -d' ' -f1)" "$(image c.manifest.json)"
expect 0 dumpmerge $quick c.* joined
ok cmp -s ref joined
# opened in place, in any order: the manifest beside them tells it
backwards() { printf '%s\n' "$@" | sort -r; }
ok equal "$(dumpverify --digest -q --set $(backwards c.0??) | cut -d' ' -f1)" "$want"
expect 0 dumpconv $quick -f --to=kdump:none $(backwards c.0??) joined
ok same joined
expect 0 dumpinfo $(backwards c.0??)
expect 1 dumpinfo $(ls c.0?? | grep -v 002)
has err "part c.002 of"
expect 1 dumpinfo c.003 c.0??
has err "c.003 is named twice"
cp c.002 whole.002
truncate -s 5000 c.002
expect 1 dumpconv $quick --to=elf c.0?? nothing
has err "part c.002 has 5000 bytes, had"
mv whole.002 c.002
mv c.manifest.json away # then it is the order given
expect 0 dumpinfo c.0??
mv away c.manifest.json
expect 0 dumpfilter $quick -d 31 --split=1M dump f.
expect 0 dumpmerge $quick -f f.* joined
ok same joined
expect 0 dumpconv $quick --to=elf --split=1M --split-name=d.elf.zst.%03d dump
ok cmp -s dump.elf <(cat d.elf.zst.0?? | zstd -dc)
expect 0 dumpfilter $quick -d 31 --split-by=memory --split-parts=4 --split-align=256K dump e.
rm joined
expect 0 dumpmerge $quick e.* joined
ok same joined
expect 2 dumpconv --to=elf --split=1M dump -
expect 2 dumpconv --to=elf --split-parts=3 dump x
has err "a conversion can be split by size only"
rm -f [cdef].* joined ref

# ---- for a recipient: nothing in the open tells of the contents --------------------------------------
expect 0 dumpconv $quick --to=elf --split=2M --encrypt-to="$me" dump a.elf.zst
expect 0 sha256sum -c --quiet a.elf.zst.sha256
ok not grep -qE 'elf"|zstd|OSRELEASE|DUMPIO' a.elf.zst.manifest.json
ok sh -c 'dumpcrypt -d -i key a.elf.zst.manifest.json.age | grep -q elf'
ok equal "$(dumpcrypt -d -i key a.elf.zst.manifest.json.age | image)" "$want"
ok not grep -q "$want" a.elf.zst.manifest.json
ok equal "$(digest --set -i key a.elf.zst0??)" "$want"
expect 0 dumpmerge $quick a.elf.zst* joined.age
ok equal "$(digest -i key joined.age)" "$want"
expect 0 dumpsplit $quick --size=2M --encrypt-to="$me" dump b
ok cmp -s dump <(cat b0?? | dumpcrypt -d -i key)
expect 0 dumpsplit $quick --by=memory --align=256K --parts=2 --encrypt-to="$me" dump g
ok not grep -q kdump g.manifest.json
expect 0 dumpmerge $quick -i key g0* joined
ok same joined
finish
