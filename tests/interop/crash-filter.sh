#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# crash shows the same of the kernel from a dump filtered at level 31 as from the original.
# Format reference: none; the distribution's crash is the judge.
# Not handled: kernels that this crash does not open (6.12 and later).
set -u
. "$(dirname "$0")/common.sh"
need_tools dumpfilter
need_peers crash zstd
need_vmlinux
use_scratch

view() { # DIR FILE: one file per command
    mkdir -p "$1"
    for command in sys ps 'bt -a' log 'kmem -i' mod mount net; do
        echo "$command > $1/$(echo "$command" | tr -d ' -')"
    done >"$1/input"
    echo quit >>"$1/input"
    timeout -k 5 120 crash -s "$vmlinux" "$2" -i "$1/input" </dev/null >"$1/said" 2>&1
    [ -s "$1/sys" ] && sed -i '/^ *DUMPFILE: /d' "$1/sys"
}

compare() { # LABEL OPTION...
    label=$1
    shift
    "$DUMPIO_BIN/dumpfilter" -q -f "$@" "$dump" "$tmp/out" 2>"$tmp/err" ||
        { fail "$label: dumpfilter: $(last "$tmp/err")"; return; }
    view "$tmp/view" "$tmp/out"
    for part in sys ps bta log kmemi mod mount net; do
        if [ ! -s "$tmp/view/$part" ]; then
            fail "$label: $part: crash gave nothing: $(last "$tmp/view/said")"
        elif cmp -s "$tmp/original/$part" "$tmp/view/$part"; then
            pass "$label: $part"
        else
            fail "$label: $part differs:"
            diff "$tmp/original/$part" "$tmp/view/$part" | head -n 6
        fi
    done
    rm -rf "$tmp/view" "$tmp/out"
}

for name in x86_64-6.1-kexec; do
    get_dump "$name" || { skip "no dump $name"; continue; }
    rm -rf "$tmp/original"
    view "$tmp/original" "$dump"
    [ -s "$tmp/original/sys" ] || { skip "$name: $(last "$tmp/original/said")"; continue; }
    compare "$name: -d 31, zlib" -d 31 -c
    compare "$name: -d 31 and freed, zstd" -d 31 --exclude=freed -z
    compare "$name: -d 31, ELF" -d 31 -E
done
finish
