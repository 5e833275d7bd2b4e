#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# zstd, gzip and xz unpack what the layers pack, and the layers read, at random and by several
# threads, what those programs pack: all the ways that give a file another structure.
# usage: containers.sh DRIVER (tests/unit/test_layers.c). Not handled: damage (the unit test's).
set -u
. "$(dirname "$0")/common.sh"
driver=${1:-}
[ -x "$driver" ] || skip_all "usage: containers.sh DRIVER"
need_peers zstd gzip xz
scratch=${DUMPIO_SCRATCH:-${TMPDIR:-/tmp}/dumpio-interop}
mkdir -p "$scratch"
tmp=$(mktemp -d "$scratch/containers.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1
frame=262144

# ---- ours through theirs -------------------------------------------------------------------------

unpacks() { # LAYER FILE PLAIN: the program's own test, its output, and what it says of the file
    case $1 in
        zstd) zstd -q -t "$2" && zstd -q -d -c "$2" | cmp -s - "$3" ;;
        gzip) gzip -t <"$2" && gzip -d -c <"$2" | cmp -s - "$3" ;;
        xz)
            xz -q -t --format=xz <"$2" && xz -d -c --format=xz <"$2" | cmp -s - "$3" &&
                cp "$2" list.xz &&
                size=$(xz --robot -l list.xz | awk '$1 == "file" { print $5 }') &&
                [ "$size" = "$(stat -c %s "$3")" ]
            ;;
    esac
}

theirs_unpack() { # LABEL LAYER LEVEL PLAIN
    for threads in 1 2 5; do
        "$driver" pack "$2" "$3" $threads "$4" packed.$threads 2>err ||
            { fail "$1: $2 level $3: $(last err)"; return; }
    done
    label="$1: $2 level $3, $(stat -c %s packed.1) bytes"
    if ! cmp -s packed.1 packed.2 || ! cmp -s packed.1 packed.5; then
        fail "$label: the number of threads changes it"
    elif ! unpacks "$2" packed.1 "$4" 2>err; then
        fail "$label: $(last err)"
    elif ! "$driver" check 3 256 packed.1 "$4" >err 2>&1; then
        fail "$label: read back: $(last err)"
    else
        pass "$label"
    fi
    rm -f packed.*
}

# ---- theirs through ours -------------------------------------------------------------------------

ours_reads() { # LABEL FILE PLAIN [MEMORY-MIB]
    if "$driver" check 4 "${4:-256}" "$2" "$3" >err 2>&1; then
        way=$(grep -c temporary err)
        [ "$way" = 0 ] && pass "$1: by blocks" || pass "$1: by a temporary file"
    else
        fail "$1: $(last err)"
    fi
    rm -f "$2"
}

theirs_of() { # LABEL PLAIN: every way of packing it
    zstd -q -T0 -c "$2" >z; ours_reads "$1: zstd -T0" z "$2"
    zstd -q -1 --no-check -c <"$2" >z; ours_reads "$1: zstd --no-check, unknown size" z "$2"
    zstd -q -1 --long=27 -c "$2" >z; ours_reads "$1: zstd --long=27" z "$2"
    gzip -1 -c "$2" >z; ours_reads "$1: gzip" z "$2"
    xz -0 -c "$2" >z; ours_reads "$1: xz" z "$2"
    xz -0 -T2 --block-size=1MiB -c "$2" >z; ours_reads "$1: xz --block-size=1MiB" z "$2"
    for check in none crc32 sha256; do
        xz -0 -C $check --block-list=5000,70000,0 -c "$2" >z
        ours_reads "$1: xz -C $check --block-list" z "$2"
    done
    if command -v pzstd >/dev/null; then
        pzstd -q -f -p 2 "$2" -o z; ours_reads "$1: pzstd" z "$2"
    fi
    if command -v pigz >/dev/null; then
        pigz -1 -c "$2" >z; ours_reads "$1: pigz" z "$2"
    fi
}

joined_of() { # LABEL PLAIN: cut in three unequal parts, packed each, joined
    size=$(stat -c %s "$2")
    split -b $((size / 3 + 17)) "$2" part.
    for packer in 'zstd -q' 'gzip -1' 'xz -0'; do
        for part in part.*; do $packer -c "$part"; done >z
        ours_reads "$1: joined: $packer" z "$2"
    done
    # padding between xz streams, in fours; and all three by different hands
    for part in part.*; do
        xz -0 -c "$part"
        head -c 8 /dev/zero
    done >z
    ours_reads "$1: joined: xz with padding" z "$2"
    for layer in zstd gzip xz; do
        for part in part.*; do
            "$driver" pack $layer - 2 "$part" one && cat one
        done >z
        ours_reads "$1: joined: our own $layer" z "$2"
    done
    rm -f part.* one
}

# ---- sizes around a frame's, then real dumps -----------------------------------------------------

head -c 3000000 /dev/urandom | od -A d -t x2 >text
for size in 0 1 $((frame - 1)) $frame $((frame + 1)) 3000000; do
    head -c $size text >plain
    for layer in zstd gzip xz; do theirs_unpack "$size bytes" $layer - plain; done
    theirs_of "$size bytes" plain
done
head -c 5000000 text >plain
joined_of "5000000 bytes" plain
for level in -7 1 9 19 22; do theirs_unpack "5000000 bytes" zstd $level plain; done
for level in 1 9; do theirs_unpack "5000000 bytes" gzip $level plain; done
for level in 0 9; do theirs_unpack "5000000 bytes" xz $level plain; done
head -c 2000000 /dev/urandom >plain
for layer in zstd gzip xz; do theirs_unpack "noise" $layer - plain; done

# memory: what takes more than the limit is refused in words
zstd -q -1 --long=27 -c <text >z
if "$driver" check 1 64 z text >err 2>&1; then fail "a window over the limit"; else
    pass "a window over the limit: $(last err)"
fi
xz -9 -c text >z
if "$driver" check 1 32 z text >err 2>&1; then fail "xz -9 in 32 MiB"; else
    pass "xz -9 in 32 MiB: $(last err)"
fi

# a temporary file that finds no place, or no room, is an error that says so
gzip -1 -c text >z
if TMPDIR=/nonexistent "$driver" check 1 256 z text >err 2>&1; then fail "no place to unpack"
else pass "no place to unpack: $(last err)"; fi
if (trap '' XFSZ; ulimit -f 2000; "$driver" check 1 256 z text >err 2>&1); then
    fail "no room to unpack"
elif grep -q 'TMPDIR.*large' err; then pass "no room to unpack: $(last err)"
else fail "no room to unpack: $(last err)"; fi

# a seek table that does not stay in memory: more than 8 GiB of zeros
"$driver" pack zstd 1 0 9000000001 z 2>err || fail "9 GB of zeros: $(last err)"
if [ "$(zstd -q -d -c z | wc -c)" = 9000000001 ]; then pass "9 GB of zeros"; else
    fail "9 GB of zeros: another size"
fi
rm -f z text plain

if [ -n "${DUMPIO_TEST_DUMPS:-}" ]; then
    store=$scratch/dumps
    mkdir -p "$store"
    for name in x86_64-6.1-kexec; do
        get_dump "$name" || { skip "no dump $name"; continue; }
        for layer in zstd gzip; do theirs_unpack "$name" $layer - "$dump"; done
        theirs_unpack "$name" xz 0 "$dump"
        theirs_of "$name" "$dump"
    done
else
    skip "real dumps: DUMPIO_TEST_DUMPS is not set"
fi
finish
