#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# contrib/capture/dumpio-save: what it saves, and that a collector that failed is seen as failed.
# Environment: DUMPIO_BIN (the tools), DUMPIO_SCRATCH (a folder for files).
set -u
. "$(dirname "$0")/lib.sh"
save=$here/../../contrib/capture/dumpio-save
zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o in.kdump || exit 1
export DUMPIO_CAPTURE_CONF=$PWD/conf

configure() { printf '%s\n' "$@" >conf; } # LINE...
status_is() { grep -q "^$2" "$1"/*/status; } # FOLDER PATTERN
digest() { dumpverify --digest "$1" | cut -d ' ' -f 1; }
whole=$(digest in.kdump)

expect 2 "$save" in.kdump
# ---- it works
configure ''
expect 0 "$save" in.kdump good
has out "saved"
ok status_is good 'saved$'
ok grep -q 'Kernel panic - not syncing' good/*/dmesg.txt
ok [ "$(digest good/*/vmcore)" = "$whole" ]
# ---- the filter fails: everything is saved; without a second try, nothing is
configure 'FILTER="-d 31 --max-size=1M"'
expect 0 "$save" in.kdump second
ok [ "$(digest second/*/vmcore)" = "$whole" ]
configure 'FILTER="-d 31 --max-size=1M"' FALLBACK=
expect 1 "$save" in.kdump failed
has out "FAILED: exit status 1"
ok status_is failed 'FAILED: exit status 1'
ok [ ! -e "$(echo failed/*)/vmcore" ]
ok [ -s "$(echo failed/*)/log" ]
# ---- it is killed
printf '#!/bin/sh\nkill -KILL $$\n' >killed
chmod +x killed
configure "DUMPIO=$PWD/killed"
expect 1 "$save" in.kdump dead
ok status_is dead 'FAILED: exit status 137'
# ---- pages are lost: partly
dumpconv -q --to=elf in.kdump cut.elf
truncate -s -40960 cut.elf
configure 'FILTER="--exclude=zero"'
expect 3 "$save" cut.elf lost
ok status_is lost partly
ok [ -s "$(echo lost/*)/vmcore" ]
# ---- no room to save in, no dump to save
echo >file
expect 1 "$save" in.kdump file
configure ''
expect 1 "$save" none folder
ok status_is folder FAILED
finish
