#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Signals: a run that is interrupted ends soon, and leaves nothing or a dump that says it is incomplete.
# Environment: DUMPIO_BIN (the tools), DUMPIO_SCRATCH (a folder for files).
set -um # m: jobs in the background take SIGINT
. "$(dirname "$0")/lib.sh"

# Enough work for many seconds, in no room: noise, and zeros that are not stored.
/usr/bin/python3 "$here/sparse_elf.py" big 4T@0
/usr/bin/python3 "$here/sparse_elf.py" small 1M@0
dumpconv -q --to=raw small noise 2>/dev/null

# start COMMAND...: in the background, up to its first line of progress, which SIGUSR1 asks for
start() {
    "$@" >out 2>err </dev/null &
    pid=$!
    sleep 0.3 # until the program listens
    while kill -USR1 $pid 2>/dev/null; do
        sleep 0.1
        grep -q '%' err && return
    done
    ok false "no line of progress: $*"
}

# stop SIGNAL: and wait; `code` and `took` (ms) tell how it ended
stop() {
    local before
    before=$(date +%s%N)
    kill "-$1" $pid
    wait $pid 2>/dev/null
    code=$?
    took=$((($(date +%s%N) - before) / 1000000))
}

nothing_left() { [ ! -e target ] && [ -z "$(find . -name ".*dumpio-*")" ] || { ls -la >&2; false; }; }

# ---- nothing is left, and the signal is seen by who waits -----------------------------------------
for signal in INT:130 TERM:143 HUP:129; do
    start dumpconv --to=kdump -T 2 big target
    stop ${signal%:*}
    ok [ $code = ${signal#*:} ]
    ok [ $took -lt 1000 ]
    has err "stopped by a signal"
    ok nothing_left
done
start dumpconv -q --to=elf big target # quiet tools answer too
stop TERM
ok grep -q 'dumpconv: [0-9]*%  .* of 4[.]0 TiB  .*/s .* after [0-9]* s' err
start dumpverify big
stop INT
ok [ $code = 130 ]

# a stream that stalls: while it is opened, and while a pipe takes nothing
mkfifo stalled
sleep 100 >stalled &
sleeper=$!
dumpconv --to=elf - target <stalled >out 2>err &
pid=$!
sleep 0.5
stop INT
ok [ $code = 130 ]
ok [ $took -lt 1000 ]
ok nothing_left
kill $sleeper
exec 9<>stalled
dumpconv -q --to=elf big - >stalled 2>err &
pid=$!
sleep 0.5
stop TERM
ok [ $code = 143 ]
ok [ $took -lt 1000 ]
exec 9>&-

# what is ignored stays ignored
(trap '' HUP; exec dumpconv --to=kdump big target >out 2>err) &
pid=$!
sleep 0.5
kill -HUP $pid
sleep 0.3
ok kill -0 $pid
stop TERM
ok [ $code = 143 ]

# ---- --keep-partial -------------------------------------------------------------------------------
holds_noise() { dumpconv -q -f --to=raw "$1" image 2>err; cmp -s -n 1000000 noise image; }
for to in kdump:lzo kdump:none diskdump elf netdump lkcd; do
    start dumpconv --keep-partial --to=$to -T 2 big target
    stop TERM
    ok [ $code = 3 ]
    has err "target is incomplete"
    dumpinfo --quick --json target >info
    ok grep -q '"incomplete": true' info
    expect 0 dumpfilter --exclude-range=0x100000-0x40000000000 target part
    ok holds_noise part
    rm -f target part image
done
start dumpconv --keep-partial --to=raw -T 2 big target
stop INT
ok [ $code = 3 ]
has err "no mark for an incomplete dump"
ok cmp -s -n 1000000 noise target
ok [ "$(stat -c %s target)" -lt 4398046511104 ]
rm -f target
# a second signal ends that too
start dumpconv --keep-partial --to=elf -T 2 big target
kill -STOP $pid
kill -TERM $pid
kill -INT $pid
stop CONT
ok [ $code -gt 128 ]
ok nothing_left

# ---- killed: what had been written can be salvaged ------------------------------------------------
dumpconv -q --no-sync --to=elf "$here/../data/vmcore-x86_64-6.1.kdump.zst" whole
dumpconv -q --no-sync --to=raw whole image.whole 2>/dev/null
mkfifo slow
for to in kdump:none diskdump; do
    (head -c 40M whole; sleep 100) >slow &
    feed=$!
    dumpconv -q --to=$to - target <slow 2>err &
    pid=$!
    for _ in $(seq 100); do
        left=$(find . -name ".target.dumpio-*" -size +8M)
        [ -z "$left" ] || break
        sleep 0.1
    done
    kill -KILL $pid
    kill -KILL -- -$feed 2>/dev/null || kill -KILL $feed
    ok [ -f "$left" ]
    expect 3 dumpconv -q -f --salvage --to=raw "$left" image
    ok cmp -s -n 100000000 image image.whole
    rm -f "$left" image
done
rm -f whole image.whole

# ---- how progress is shown ------------------------------------------------------------------------
expect 0 dumpconv --to=kdump --progress small shown
ok grep -q '\[[#.]*\]  *[0-9]*%' err
expect 0 dumpconv -f --to=kdump --progress=json small shown
has err '"total":'
expect 0 dumpconv -f --to=kdump --no-progress small shown
ok [ ! -s err ]
expect 2 dumpconv --to=kdump --progress=maybe small shown

cd / && rm -rf "$DUMPIO_SCRATCH"
finish
