#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dumpinfo --map and --mem-usage: counts that add up, pictures that are what they say.
# Environment: DUMPIO_BIN (the tools), DUMPIO_SCRATCH (a folder for files).
set -u
. "$(dirname "$0")/lib.sh"
unset COLUMNS NO_COLOR COLORTERM LC_ALL LC_CTYPE LANG

check() {
    ok /usr/bin/python3 "$here/map_check.py" "$@"
}

zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o in.kdump || exit 1

# ---- usage: makedumpfile 1.7.2 counted this machine's free, cache and user pages ----------------
expect 0 dumpinfo --mem-usage in.kdump
has out "6.1.0-56-cloud-amd64"
has out "free             31757    124 MiB   32.3%"
check width 80 out
expect 0 dumpinfo --mem-usage --json in.kdump
cp out usage.json
expect 0 dumpinfo --json in.kdump
check usage usage.json out free=31757 cache+private=5362 user=11443 unknown=0
expect 0 dumpinfo -f --map --json in.kdump
cp out map.json
check cells map.json usage.json

# ---- the terminal -------------------------------------------------------------------------------
expect 0 dumpinfo --map in.kdump
cp out letters
check width 80 letters
check letters letters map.json
expect 0 env COLUMNS=60 dumpinfo --map in.kdump
check rows 60 out
expect 0 env COLUMNS=200 dumpinfo --map in.kdump
check rows 200 out
expect 0 dumpinfo --map --color=never in.kdump
ok cmp -s out letters
expect 0 env NO_COLOR=1 LC_ALL=C.UTF-8 dumpinfo --map --color=auto in.kdump
ok cmp -s out letters
expect 0 env LC_ALL=C dumpinfo --map --color=always in.kdump
check uncolored out letters
expect 0 env LC_ALL=C.UTF-8 dumpinfo --map --color=always in.kdump
has out "▀"
has out $'\e[38;5;'
check blocks out map.json
check width 80 out
expect 0 env LC_ALL=C.UTF-8 COLORTERM=truecolor dumpinfo --map --color=always in.kdump
check blocks out map.json
check width 80 out
check terminal dumpinfo --map in.kdump
expect 2 dumpinfo --map --color=mauve in.kdump
has err "always"

# ---- pictures -----------------------------------------------------------------------------------
expect 0 dumpinfo --map=map.svg in.kdump
ok test ! -s out
expect 0 dumpinfo --map=map.png in.kdump
check pictures map.svg map.png usage.json
cp map.svg before.svg
expect 1 dumpinfo --map=map.svg in.kdump
has err "exists"
ok cmp -s map.svg before.svg
echo >map.svg
expect 0 dumpinfo -f --map=map.svg in.kdump
ok cmp -s map.svg before.svg
expect 0 dumpinfo --json --map=both.PNG in.kdump
ok cmp -s both.PNG map.png
check cells out usage.json
expect 2 dumpinfo --map=map.jpg in.kdump
has err ".png"
expect 2 dumpinfo --map=.svg in.kdump
expect 1 dumpinfo --map=no-such-folder/map.svg in.kdump
has err "no-such-folder"
ok test -z "$(find . -name '*.svg.*' -o -name '*.png.*')"

ln -s in.kdump '<a>&"b".kdump'
expect 0 dumpinfo --map=odd.svg '<a>&"b".kdump'
has odd.svg '&lt;a&gt;&amp;"b".kdump'
check pictures odd.svg map.png usage.json

# ---- damage, and a machine that cannot be understood ---------------------------------------------
head -c 30000000 in.kdump >cut.kdump
expect 3 dumpinfo --mem-usage cut.kdump
has out "cut short"
expect 3 dumpinfo --map cut.kdump
has out "cut short"
expect 3 dumpinfo --map=cut.svg cut.kdump
has cut.svg "cut short"
expect 0 dumpconv kdump2elf in.kdump whole.elf
head -c 60000000 whole.elf >cut.elf
expect 3 dumpinfo --mem-usage cut.elf
has out "lost"
expect 3 dumpinfo --mem-usage --json cut.elf
check lost out
expect 3 dumpinfo --map cut.elf
ok grep -q '^ *[0-9a-f]* .*!' out
check width 80 out
expect 3 dumpinfo -f --map=cut.svg cut.elf
has cut.svg "lost pages"
head -c 100000 /dev/urandom >noise
expect 0 dumpinfo --from=raw --arch=x86_64 --map=noise.png noise
has err "classes are unknown"
expect 0 dumpinfo --from=raw --arch=x86_64 --mem-usage --json noise
check unknown out 25
expect 0 dumpinfo --from=raw --arch=x86_64 --map noise
has out "?????????????????????????"
expect 1 dumpinfo --map no-such-file
expect 2 dumpinfo --map

cd / && rm -rf "$DUMPIO_SCRATCH"
finish
