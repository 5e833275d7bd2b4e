#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whatever is wrong with parts is found and named before a byte is written, in every way of
# splitting; and a thousand parts. Environment: SPLIT_TRIALS damages for each way (default 48),
# SPLIT_DUMP another dump than the shipped one, SPLIT_MOST parts by memory (100), SPLIT_SEED.
# Not covered: parts without a manifest (split.sh).
set -u
. "$(dirname "$0")/lib.sh"
trials=${SPLIT_TRIALS:-48} most=${SPLIT_MOST:-100}
RANDOM=${SPLIT_SEED:-1}
parts=8
quick="--no-sync -q"
if [ -n "${SPLIT_DUMP:-}" ]; then
    ln -s "$(readlink -f "$SPLIT_DUMP")" dump
else
    zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o dump || exit 1
fi

gone() { [ ! -e "$1" ] && [ ! -e "$1.dumpmerge" ] && ! ls ".$1".* >/dev/null 2>&1; }
digest() { dumpverify --digest -q "$@" 2>/dev/null | cut -d' ' -f1; }
equal() { [ -n "$1" ] && [ "$1" = "$2" ]; }
shuffled() { printf '%s\n' "$@" | awk -v s=$RANDOM 'BEGIN{srand(s)}{print rand() "\t" $0}' |
             sort -n | cut -f2; }
flip() { # FILE OFFSET: one bit
    local byte
    byte=$(od -An -tu1 -j"$2" -N1 "$1")
    printf "\\x$(printf %02x $((byte ^ 1 << RANDOM % 8)))" |
        dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# damage NUMBER: to one of the parts p...; sets say, what has to be told. repair undoes it.
damage() {
    local size at
    part=$(printf 'p%03d' $(($1 % parts + 1)))
    size=$(stat -c %s "$part")
    at=$(((RANDOM * 32768 + RANDOM) % size))
    ln "$part" kept
    case $(($1 / parts % 6)) in
    0) rm "$part"; say="part $part is missing" ;;
    1) rm "$part"; head -c $at kept >"$part"; say="$part is damaged: it has $at bytes" ;;
    2|3) rm "$part"; cp kept "$part"; flip "$part" $at; say="$part is damaged: its SHA-256" ;;
    4) rm "$part"; cp "other/p002" foreign; say="foreign is foreign" ;;
    5) rm "$part"; cp "other/$part" "$part"; say="$part is damaged" ;;
    esac
}

repair() { rm -f foreign "$part"; mv kept "$part"; }

try() { # WAY, then the input and options of dumpsplit
    local way=$1 i
    shift
    expect 0 dumpsplit $quick --parts=$parts "$@" p
    for ((i = 0; i < trials; i++)); do
        damage $i
        expect 1 dumpmerge $quick $(shuffled p0?? $(ls foreign 2>/dev/null)) whole
        has err "$say"
        ok gone whole
        repair
    done
    expect 0 dumpmerge $quick $(shuffled p0??) whole
    echo "$way: $trials damages"
}

# Parts of another dump: the same one, with less in it.
expect 0 dumpfilter $quick --exclude=zero,free,cache,private,user --to=kdump:none dump other.kdump
mkdir other
expect 0 dumpsplit $quick --by=memory --align=256K --parts=$parts other.kdump other/p
rm other.kdump
want=$(digest dump)

try bytes dump
ok cmp -s dump whole
rm -f whole p*
for format in kdump elf; do
    try "memory, $format" --by=memory --align=256K --to=$format dump
    ok equal "$(digest whole)" "$want"
    rm -f whole p*
done

# ---- a thousand parts ---------------------------------------------------------------------------
expect 0 dumpsplit $quick --parts=1000 dump k
ok test -e k1000 -a -e k0001
expect 0 dumpmerge $quick $(shuffled k[01]*) whole
ok cmp -s dump whole
mv k0500 away
expect 1 dumpmerge $quick -f $(shuffled k[01]*) other.whole
has err "part k0500 is missing"
ok gone other.whole
rm -f k* whole away
for format in kdump elf; do
    expect 0 dumpsplit $quick --by=memory --to=$format --parts=$most dump k
    ok test "$(ls k[0-9]* | wc -l)" = "$most"
    expect 0 dumpmerge $quick $(shuffled k[0-9]*) whole
    ok equal "$(digest whole)" "$want"
    rm -f k* whole
done
finish
