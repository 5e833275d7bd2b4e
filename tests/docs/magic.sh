#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# contrib/magic/dumpio: what file(1) says of dumps that it does not know by itself, or knows wrongly.
# Environment: DUMPIO_BIN (the tools), DUMPIO_SCRATCH (a folder for files).
set -u
. "$(dirname "$0")/../cli/lib.sh"
magic=$here/../../contrib/magic/dumpio
specs=$here/../mkdump/specs

# says FILE TEXT: what it is, with file's own magic behind ours
says() {
    expect 0 file -b -m "$magic:/usr/share/misc/magic" "$1"
    has out "$2"
    [ ! -s err ] || ok false # a warning about the magic itself
}

made() { # SPEC VARIANT OUT
    /usr/bin/python3 "$here/../mkdump/mkdump.py" "$specs/$1.spec:$1-$2" "$3" || ok false
}

zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o in.kdump || exit 1
for format in diskdump lkcd lkcd8 elf; do
    expect 0 dumpconv -q --no-sync --to=$format in.kdump in.$format
done
expect 0 dumpconv -q --no-sync -F --to=kdump in.kdump in.flat
made kdump-versions 6-s390x big.kdump
made kdump-versions 0-s390x big0.kdump
made lkcd-versions 9-ppc64 big.lkcd
made lkcd-versions 2-i386 2.lkcd
made lkcd-versions 1-i386 1.lkcd

machine="release 6.1.0-56-cloud-amd64, machine x86_64"
says in.diskdump "Diskdump compressed dump, little-endian, header version 1, system Linux, node (none), $machine"
says in.lkcd "LKCD kernel crash dump, little-endian, version 9, pages of 4096 bytes, $machine, \"Kernel panic"
says in.lkcd8 "LKCD kernel crash dump, little-endian, version 8"
says in.flat "Flattened kernel crash dump (makedumpfile -F)"
says big.kdump "Kdump compressed dump, big-endian, header version 6, system Linux, node testhost"
says big.lkcd "LKCD kernel crash dump, big-endian, version 9, pages of 4096 bytes, release 6.1.0-mkdump"
says 2.lkcd "LKCD kernel crash dump, little-endian, version 2, pages of 4096 bytes, \"Fatal exception"
says 1.lkcd "LKCD kernel crash dump, little-endian, version 1, pages of 4096 bytes, \"Fatal exception"
# What file(1) knows stays as it is.
says in.kdump "Kdump compressed dump v6, system Linux"
says big0.kdump "Kdump compressed dump v0, system Linux"
says in.elf "ELF 64-bit LSB core file, x86-64"
finish
