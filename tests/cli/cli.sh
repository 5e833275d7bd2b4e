#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tools as a person uses them: exit codes, messages, names of outputs, streams.
# Environment: DUMPIO_BIN (the tools), DUMPIO_SCRATCH (a folder for files).
set -u
. "$(dirname "$0")/lib.sh"

zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o in.kdump || exit 1

# ---- every tool: help, version, usage --------------------------------------------------------
for tool in dumpconv dumpinfo dumpverify; do
    expect 0 $tool --help
    has out "usage: $tool"
    expect 0 $tool -V
    has out "$tool (dumpio)"
    expect 2 $tool --no-such-option in.kdump
    has err "unknown option"
    expect 2 $tool
    expect 2 $tool -T many in.kdump out.kdump
    expect 1 $tool ${tool:+$([ $tool = dumpconv ] && echo --to=elf)} no-such-file $([ $tool = dumpconv ] && echo x)
    has err "no-such-file"
    expect 0 dumpio "${tool#dump}" --help
    has out "usage: $tool"
    expect 0 dumpio "$tool" --help
done
expect 2 dumpverify -o out in.kdump # nothing is written
expect 2 dumpio
expect 2 dumpio no-such-command
has err "unknown command"
expect 0 dumpio --version

# ---- dumpconv: names, formats ---------------------------------------------------------------------
expect 2 dumpconv in.kdump x
has err "which format"
expect 2 dumpconv --to=elf in.kdump
expect 2 dumpconv --to=nonsense in.kdump x
expect 2 dumpconv --to=kdump:nonsense in.kdump x
has err "zstd"
expect 2 dumpconv --to=kdump:lzo --level=3 in.kdump x
expect 2 dumpconv --to=kdump:zstd --level=99 in.kdump x
expect 1 dumpconv lkcd2elf in.kdump x
has err "not lkcd"
ok test ! -e x
expect 0 dumpconv kdump2elf in.kdump a.elf
expect 1 dumpconv kdump2elf in.kdump a.elf
has err "exists"
expect 0 dumpconv -f kdump2elf in.kdump a.elf
expect 0 dumpconv --to=kdump:zstd -o b.kdump a.elf
expect 0 dumpverify a.elf b.kdump
has out "the same memory"
expect 0 dumpverify --digest a.elf b.kdump in.kdump
ok test "$(cut -d' ' -f1 out | sort -u | wc -l)" = 1
ok test "$(wc -l <out)" = 3
expect 0 dumpverify in.kdump
has out "verdict   whole"
expect 1 dumpconv --to=elf in.kdump no-such-folder/x
expect 1 dumpconv --to=elf . x
has err "directory"
expect 1 dumpconv --to=elf /dev/null x
has err "not a dump"
head -c 100000 /dev/urandom >noise
expect 1 dumpconv --to=elf noise x
has err "--from=raw"
expect 0 dumpconv --to=kdump --from=raw --arch=x86_64 noise raw.kdump
ok test -z "$(find . -name '.*dumpio-*')"

# ---- identical pages are stored once ------------------------------------------------------------------
head -c 98304 noise >once
cat once once once >thrice
expect 0 dumpconv --json --to=kdump:none --from=raw --arch=x86_64 once once.kdump
has out '"shared_pages":0,'
expect 0 dumpconv --json --to=kdump:none --from=raw --arch=x86_64 thrice thrice.kdump
has out '"shared_pages":48,'
expect 0 dumpconv --json --no-share --to=kdump:none --from=raw --arch=x86_64 thrice anew.kdump
has out '"shared_pages":0,'
expect 0 dumpverify thrice.kdump anew.kdump
has out "the same memory"
ok test "$(($(stat -c %s anew.kdump) - $(stat -c %s thrice.kdump)))" = 196608
expect 0 dumpconv -f --to=kdump:none --from=raw --arch=x86_64 -T 4 thrice again.kdump
ok cmp -s thrice.kdump again.kdump
expect 0 dumpconv --to=kdump:zstd thrice.kdump packed.kdump
expect 0 dumpfilter -v -d 0 packed.kdump filtered.kdump
has err "48 shared"
expect 0 dumpfilter -v --no-share -d 0 packed.kdump filtered-anew.kdump
has err " 0 shared"
expect 0 dumpverify thrice.kdump filtered.kdump

# ---- streams -----------------------------------------------------------------------------------------
checks=$((checks + 4))
dumpconv -q --to=kdump:lzo - - <in.kdump >flat.kdump || { failures=$((failures + 1)); echo "FAILED: stream"; }
head -c 12 flat.kdump | grep -q makedumpfile || { failures=$((failures + 1)); echo "FAILED: not flattened"; }
dumpconv -q --to=elf - - <flat.kdump | dumpverify -q --digest - >out || { failures=$((failures + 1)); echo "FAILED: pipe"; }
grep -q "$(dumpverify -q --digest in.kdump | cut -d' ' -f1)" out || { failures=$((failures + 1)); echo "FAILED: pipe digest"; }
expect 0 dumpverify -q a.elf flat.kdump
head -c 4100 flat.kdump >cut.flat
expect 1 dumpconv -q --to=elf cut.flat cut.elf
has err "before any data"
ok test ! -e cut.elf
head -c 3000000 flat.kdump >cut.flat # the headers are in front: what came before the cut is there
expect 3 dumpconv -q --to=elf cut.flat cut.elf
has err "without an end marker"
ok test -e cut.elf
rm -f cut.elf

# ---- damage: exit 3, ranges told ---------------------------------------------------------------------
head -c 30000000 in.kdump >cut.kdump
expect 3 dumpconv --to=lkcd cut.kdump cut.lkcd
has err "lost: 0x"
expect 1 dumpverify cut.kdump
has out "NOT WHOLE"
# ranges that touch are one
touching=$(awk -F '[-: ]+' '$1 == "lost" && $2 ~ /^0x/ { n += $2 == end; end = $3 } END { print n + 0 }' out)
ok [ "$touching" = 0 ]
ok grep -q '^lost: 0x' out
expect 1 dumpconv --strict --to=lkcd cut.kdump strict.lkcd
ok test ! -e strict.lkcd
expect 3 dumpinfo cut.kdump
has out "TRUNCATED"
head -c 4096 noise | dd bs=4096 count=1 seek=1000 conv=notrunc of=a.elf 2>/dev/null
expect 1 dumpverify a.elf in.kdump
has out "physical address 0x"

# ---- dumpinfo -------------------------------------------------------------------------------------------
expect 0 dumpinfo in.kdump
has out "kdump version 6"
has out "6.1.0-56-cloud-amd64"
has out "panic       Kernel panic - not syncing: sysrq triggered crash"
has out "dump level  31"
expect 0 dumpinfo --json --ranges --notes in.kdump
ok /usr/bin/python3 -c 'import json,sys; json.load(open("out"))'
expect 0 dumpinfo --dmesg in.kdump
has out "KMSG-CANARY"
expect 0 dumpinfo --vmcoreinfo in.kdump
has out "OSRELEASE=6.1.0-56-cloud-amd64"

# ---- nothing half-written under the final name ------------------------------------------------------------
for n in 1 2 3; do
    dumpconv -f -q --to=kdump:zstd --level=19 -T 1 in.kdump killed.kdump &
    sleep 0.$n
    kill -TERM $! 2>/dev/null
    wait $!
done
ok test ! -e killed.kdump
ok test -z "$(find . -name '.*dumpio-*')"
expect 1 dumpconv --to=elf in.kdump /dev/full
has err "No space"

cd / && rm -rf "$DUMPIO_SCRATCH"
finish
