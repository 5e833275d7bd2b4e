#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dumpsplit and dumpmerge: every mode gives the input back, and everything that is wrong with parts
# is found and named before anything is written. Argument: a dump; SPLIT_TRIALS (200), SPLIT_SEED.
# Not covered: other programs that read the parts (tests/interop/split.sh).
. "$(dirname "$0")/lib.sh"
dump=$1
trials=${SPLIT_TRIALS:-200}
RANDOM=${SPLIT_SEED:-1}
quick="--no-sync -q"

digest() { dumpverify --digest -q "$@" 2>/dev/null | cut -d' ' -f1; }
shuffled() { printf '%s\n' "$@" | awk -v s=$RANDOM 'BEGIN{srand(s)}{print rand() "\t" $0}' |
             sort -n | cut -f2; }
gone() { [ ! -e "$1" ] && [ ! -e "$1.dumpmerge" ]; }
equal() { [ -n "$1" ] && [ "$1" = "$2" ]; }

# ---- by bytes ----
head -c 3000017 "$dump" >file
expect 0 dumpsplit $quick --parts=20 file p
cat p0[0-9][0-9] | cmp -s - file
ok test $? = 0
expect 0 sha256sum -c --quiet p.sha256
expect 0 dumpmerge $quick $(shuffled p0??) whole
ok cmp -s whole file
expect 1 dumpmerge $quick p0?? whole
has err "exists"
expect 0 dumpsplit $quick --size=100000 --name=q.part%05d file
ok test -s q.part00031
expect 0 dumpmerge $quick -f $(shuffled q.part*) whole
ok cmp -s whole file
expect 0 dumpsplit $quick --parts=1000 file k
expect 0 dumpmerge $quick -f $(shuffled k[0-9]*) whole
ok cmp -s whole file
dumpsplit $quick --size=1M - stream <file
ok test $? = 0
expect 0 dumpmerge $quick -f stream0?? whole
ok cmp -s whole file
rm -f whole k* stream* q.*

# ---- an interrupted run is gone on with: its parts need not be there any more ----
head -c 1000000 file >whole.dumpmerge
mkdir away
mv p001 p002 away
expect 0 dumpmerge --no-sync p0?? whole
has err "the first 6 parts"
ok cmp -s whole file
rm -f whole
expect 1 dumpmerge $quick p0?? whole
mv away/* .

# ---- what is wrong with parts ----
head -c 500000 /dev/urandom >other
cp p013 again
expect 1 dumpmerge $quick p0?? again whole
has err "again is a duplicate of p013"
ok gone whole
for ((i = 0; i < trials; i++)); do
    part=$(printf 'p%03d' $((i % 20 + 1)))
    size=$(stat -c %s $part)
    at=$(((RANDOM * 32768 + RANDOM) % size))
    cp $part kept
    case $((i / 20 % 4)) in
    0) rm $part; say="$part is missing" ;;
    1) truncate -s $at $part; say="$part is damaged: it has $at bytes" ;;
    2) byte=$(od -An -tu1 -j$at -N1 $part)
       printf "\\x$(printf %02x $((byte ^ 1 << RANDOM % 8)))" |
           dd of=$part bs=1 seek=$at conv=notrunc status=none
       say="$part is damaged: its SHA-256" ;;
    3) dd if=other of=foreign bs=1000 skip=$((RANDOM % 300)) count=100 status=none
       rm $part; say="foreign is foreign" ;;
    esac
    expect 1 dumpmerge $quick $(ls p0??) $(ls foreign 2>/dev/null) whole
    has err "$say"
    ok gone whole
    rm -f foreign
    mv kept $part
done
rm p004
expect 3 dumpmerge $quick --salvage p0?? whole
has err "part p004 is missing"
ok test "$(stat -c %s whole)" = 3000017
rm -f whole p*

# ---- a failed split leaves nothing behind ----
touch f003
expect 1 dumpsplit $quick --parts=5 file f
ok test "$(echo f*)" = "f003 file"
rm f003

# ---- by memory ----
expect 0 dumpconv $quick --to=kdump:zlib "$dump" whole.kdump
expect 0 dumpconv $quick --to=elf "$dump" whole.elf
want=$(digest "$dump")
for what in kdump elf; do
    expect 0 dumpsplit $quick --by=memory --align=256K --parts=3 whole.$what m
    expect 0 dumpmerge $quick $(shuffled m0??) joined
    ok equal "$(digest joined)" "$want"
    rm -f m.* joined
    expect 0 dumpmerge $quick $(shuffled m0??) joined
    ok equal "$(digest joined)" "$want"
    rm -f joined m*
done
expect 0 dumpsplit $quick --by=memory --align=256K --parts=3 whole.kdump m
ok equal "$(digest --set m0??)" "$want"
rm m.* m002
expect 1 dumpmerge $quick m0?? joined
ok gone joined
expect 3 dumpmerge $quick --salvage m0?? joined
expect 2 dumpsplit whole.kdump m
finish
