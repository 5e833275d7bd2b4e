#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# QEMU writes one memory in two containers, ELF and flattened KDUMP: we find them the same.
# DUMPIO_TEST_QEMU: folders, colon-separated; in each, X.elf beside X.kdump-zlib or X.kdump,
# or vmcore.elf beside kdump-zlib.flat. Not handled: a QEMU that has to be started.
set -u
. "$(dirname "$0")/common.sh"
need_tools dumpconv dumpverify
[ -n "${DUMPIO_TEST_QEMU:-}" ] || skip_all "DUMPIO_TEST_QEMU is not set"
DUMPIO_TEST_DUMPS=${DUMPIO_TEST_DUMPS:-$DUMPIO_TEST_QEMU}
use_scratch

agree() { # ELF OTHER
    label=$(basename "$(dirname "$1")")/$(basename "$2")
    wanted=$(image digest "$1" | cut -d ' ' -f 1)
    for file in "$1" "$2"; do
        seen=$(digest_of "$file")
        what="$label: digest of $(basename "$file")"
        [ -n "$wanted" ] && [ "$seen" = "$wanted" ] && pass "$what" ||
            fail "$what: '$seen', not $wanted"
    done
    if "$DUMPIO_BIN/dumpverify" "$1" "$2" >"$tmp/verdict" 2>&1; then
        pass "$label: dumpverify finds them the same"
    else
        fail "$label: dumpverify: $(tail -n 1 "$tmp/verdict")"
    fi
    for format in elf kdump:zlib; do
        convert "$label to $format" "--to=$format" "$2" "$tmp/out" || continue
        seen=$(digest_of "$tmp/out")
        [ "$seen" = "$wanted" ] && pass "$label to $format" || fail "$label to $format: '$seen'"
        rm -f "$tmp/out"
    done
}

old=$IFS
IFS=:
for folder in $DUMPIO_TEST_QEMU; do
    IFS=$old
    if [ -r "$folder/vmcore.elf" ] && [ -r "$folder/kdump-zlib.flat" ]; then
        agree "$folder/vmcore.elf" "$folder/kdump-zlib.flat"
        continue
    fi
    for elf in "$folder"/*.elf; do
        for other in "${elf%.elf}".kdump-zlib "${elf%.elf}".kdump; do
            [ -r "$elf" ] && [ -r "$other" ] && agree "$elf" "$other"
        done
    done
done
finish
