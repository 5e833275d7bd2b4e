#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Streams that are read as they come: the same bytes as from a file, nothing on disk; damage is
# found as in a file, and what cannot be read in order is spooled.
# Environment: DUMPIO_BIN (the tools), DUMPIO_SCRATCH (a folder for files).
set -u
. "$(dirname "$0")/lib.sh"

zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o in.kdump || exit 1
# piped CODE FILE COMMAND...: FILE through a pipe, where there is no place for a spool
piped() {
    local want=$1 from=$2 got
    shift 2
    checks=$((checks + 1))
    cat "$from" | TMPDIR=nowhere "$@" >out 2>err
    got=${PIPESTATUS[1]}
    if [ "$got" != "$want" ]; then
        failures=$((failures + 1))
        echo "FAILED: exit $got, expected $want: $from | $*"
        head -5 err
    fi
}
# alike FILE OPTIONS...: dumpconv makes the same of it, piped or not
alike() {
    local from=$1
    shift
    expect 0 dumpconv -q --no-sync -f "$@" "$from" file.out
    rm -f pipe.out
    piped 0 "$from" dumpconv -q --no-sync "$@" - pipe.out
    ok cmp file.out pipe.out
}
digest() { dumpverify -q --digest "$1" 2>/dev/null | cut -d ' ' -f 1; }

# ---- KDUMP ----------------------------------------------------------------------------------------
expect 0 dumpconv -q --no-sync --to=kdump:lzo in.kdump lzo.kdump # pages far apart share their data
alike lzo.kdump --to=kdump:lzo
alike lzo.kdump --to=kdump:zstd --no-share
alike lzo.kdump --to=raw
for threads in 1 4; do
    alike lzo.kdump -T $threads --to=kdump:snappy
done
piped 0 lzo.kdump dumpverify --digest -
ok [ "$(cut -d ' ' -f 1 out)" = "$(digest in.kdump)" ]
piped 0 lzo.kdump dumpverify -
has out "verdict   whole"
piped 0 lzo.kdump dumpinfo --quick --no-spool -
has out "a stream"
piped 0 lzo.kdump dumpfilter -q -d 1 - less.kdump
expect 0 dumpfilter -q -d 1 in.kdump less2.kdump
ok [ "$(digest less.kdump)" = "$(digest less2.kdump)" ]
expect 0 dumpconv -q --no-sync --manifest --to=kdump:lzo -f in.kdump file.out
piped 0 lzo.kdump dumpconv -q --no-sync --manifest -f --to=kdump:lzo - pipe.out
expect 0 dumpverify pipe.out
rm -f ./*.out* less*

# ---- ELF ------------------------------------------------------------------------------------------
# Cores of others lack the system's names, which are in the memory: they are caught as they pass.
expect 0 dumpconv -q --no-sync --to=elf in.kdump named.elf
LC_ALL=C sed 's/DUMPIO\x00/NOBODY\x00/' named.elf >in.elf
ok [ "$(stat -c %s in.elf)" = "$(stat -c %s named.elf)" ]
rm -f named.elf
alike in.elf --to=kdump:lzo
cat in.elf | dumpconv -v --to=kdump:lzo - -f pipe.out 2>err
has err "read in order, not spooled"
dumpinfo --json --quick in.kdump | grep '"nodename"' >want
dumpinfo --json --quick pipe.out | grep '"nodename"' >got
ok [ -s want ]
ok cmp want got
cat in.elf | dumpconv -q --to=kdump:lzo - - >flat.out 2>err # the names are known when the headers are out
dumpinfo --json --quick flat.out | grep '"nodename"' >got
ok cmp want got
rm -f flat.out
alike in.elf --to=raw
rm -f file.out
(head -c 1000000 in.elf; sleep 0.3; tail -c +1000001 in.elf) |
    TMPDIR=nowhere dumpverify --digest - >out 2>err
ok [ "$(cut -d ' ' -f 1 out)" = "$(digest in.kdump)" ]

# A stream that stalls can be left: what has come is kept
mkfifo slow
for threads in 1 3; do
    (head -c 100000000 in.elf; exec sleep 20) >slow &
    feeder=$!
    dumpconv -q -T $threads --no-sync --keep-partial --to=kdump:lzo - -f part.out <slow 2>err &
    run=$!
    sleep 1.5
    kill -TERM $run
    wait $run
    ok [ $? = 3 ]
    ok kill $feeder # still there: its end was not waited for
    wait $feeder 2>/dev/null
    expect 0 dumpinfo --quick part.out
    has out INCOMPLETE
    ok [ "$(stat -c %s part.out)" -gt 5000000 ]
done
rm -f part.out

# ---- containers -----------------------------------------------------------------------------------
expect 0 dumpconv -q --no-sync --to=kdump:zstd in.kdump want.out
dumpcrypt keygen -o id 2>/dev/null
whom=$(grep -o 'age1[a-z0-9]*' id | head -n 1)
gzip -1 <in.kdump >in.gz
xz -0 <in.kdump >in.xz
zstd -q -1 <in.kdump >in.zst
expect 0 dumpconv -q --no-sync --to=elf --wrap=zst,age --encrypt-to="$whom" in.kdump in.zst.age
for container in gz xz zst zst.age; do
    rm -f pipe.out
    piped 0 in.$container dumpconv -q --no-sync --identity=id --to=kdump:zstd - pipe.out
    ok cmp want.out pipe.out
done
rm -f pipe.out in.xz

# ---- cut and damaged ------------------------------------------------------------------------------
for from in lzo.kdump in.gz; do
    head -c $(($(stat -c %s $from) * 2 / 3)) $from >cut
    expect 3 dumpconv -q --no-sync -f --to=kdump cut file.out
    piped 3 cut dumpconv -q --no-sync -f --to=kdump - pipe.out
    ok [ "$(digest file.out)" = "$(digest pipe.out)" ]
    expect 0 dumpinfo --quick pipe.out
    has out INCOMPLETE
    piped 1 cut dumpverify -
done
head -c $(($(stat -c %s in.zst.age) * 2 / 3)) in.zst.age >cut
rm -f pipe.out
(cat in.kdump; head -c 2000000 /dev/urandom) | gzip -1 >late.gz # its checksum is far behind the pages
printf '\0\0\0\0' | dd of=late.gz bs=1 seek=$(($(stat -c %s late.gz) - 8)) conv=notrunc status=none
for bad in cut in.gz in.zst late.gz; do
    [ $bad = cut ] || [ $bad = late.gz ] || printf '\377\0\377\0' |
        dd of=$bad bs=1 seek=$(($(stat -c %s $bad) / 2)) conv=notrunc status=none
    piped 1 $bad dumpconv -q --no-sync --identity=id --to=kdump - pipe.out
    ok [ ! -e pipe.out ]
done
has err "--spool"
rm -f cut in.gz in.zst late.gz
# marks of lost pages at the end of a stream come too late for one who has taken them for zeros
head -c 30000000 in.kdump >cut.kdump
dumpconv -q --to=elf cut.kdump - 2>/dev/null | cat >marked.elf
piped 1 marked.elf dumpconv -q --no-sync --to=raw - pipe.out
has err "marks of pages that were lost"
ok [ ! -e pipe.out ]
cat marked.elf | dumpconv -q --spool --no-sync --to=raw - pipe.out 2>/dev/null
ok [ "${PIPESTATUS[1]}" = 3 ]
rm -f marked.elf cut.kdump ./*.out

# ---- what is spooled ------------------------------------------------------------------------------
cat in.kdump | dumpconv -v --no-sync --to=elf - spooled.elf 2>err # it has virtual addresses
has err "page tables"
has err "spooling it to a temporary file"
piped 0 in.kdump dumpconv --no-sync --no-spool --to=elf - order.elf
has err "not spooled as asked"
ok [ "$(digest order.elf)" = "$(digest spooled.elf)" ]
rm -f ./*.elf
piped 1 in.kdump dumpconv --spool --to=kdump - none
/usr/bin/python3 "$here/sparse_elf.py" wrong.elf 8M@16M 8M@0
piped 1 wrong.elf dumpverify --no-spool -
has err "not in the order of their addresses"
cat wrong.elf | dumpverify --digest - >out 2>err
has err "spooling"
ok [ "$(cut -d ' ' -f 1 out)" = "$(digest wrong.elf)" ]
piped 1 in.kdump dumpfilter --no-spool -d 31 - none
has err "random"
piped 1 in.kdump dumpinfo --no-spool -
head -c 200000 in.kdump >short # all of it is in memory when it is known to be cut
piped 1 short dumpverify -
dumpverify short >want 2>&1
ok [ "$(sed 's/short/-/' want | grep -c lost)" = "$(grep -c lost out)" ]

cd / && rm -rf "$DUMPIO_SCRATCH"
finish
