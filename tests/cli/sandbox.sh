#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The sandbox of the tools: it is on when the first byte of an input is read, and what the tools do
# with every kind of input and output is never in its way.
# Environment: DUMPIO_BIN (the tools), DUMPIO_SCRATCH (a folder for files).
set -u
. "$(dirname "$0")/lib.sh"
grep -q '^Seccomp:' /proc/self/status || { echo "skipped: this kernel has no seccomp"; exit 77; }
outside=$(awk '/^Seccomp:/ { print $2 }' /proc/self/status)

# state PID: what it has given up
state() { awk '/^(NoNewPrivs|Seccomp):/ { printf "%s", $1 $2 }' "/proc/$1/status" 2>&1; }

# reading WANTED COMMAND...: while it waits for its input, its state is that; "hang" is the input.
# Of dumpmount it is the process that reads, a child.
reading() {
    local want=$1 pid now=
    shift
    "$@" </dev/null >out 2>err &
    pid=$!
    for _ in $(seq 100); do
        child=$({ tr -d ' ' <"/proc/$pid/task/$pid/children"; } 2>none)
        now=$(state "${child:-$pid}")
        [ "$now" = "$want" ] && break
        sleep 0.1
    done
    checks=$((checks + 1))
    [ "$now" = "$want" ] || {
        failures=$((failures + 1))
        echo "FAILED: $now, expected $want: $*"
        head -3 err
    }
    kill -KILL $pid ${child:-}
    wait $pid 2>none
}

zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o in.kdump || exit 1
dumpcrypt keygen -o key 2>key.pub && recipient=$(grep -o 'age1[a-z0-9]*' key.pub)
mkdir m
mkfifo hang
exec 7<>hang # it can be opened, and never says anything

on=NoNewPrivs:1Seccomp:2
reading $on dumpconv --to=elf hang out.elf
reading $on dumpfilter -d 31 hang out.kdump
reading $on dumpinfo hang
reading $on dumpinfo --map=out.svg hang
reading $on dumpcrypt -d -i key hang -o out.bin
reading $on dumpcrypt inspect hang
reading $on dumpsplit --size=1M hang part
reading $on dumpmerge hang out.elf
reading $on dumpverify hang
reading $on dumpverify --digest hang
reading $on dumphandoff -d 31 --encrypt-to="$recipient" --case=1 hang to
reading $on dumpio info --quick hang
reading "NoNewPrivs:$(awk '/^NoNewPrivs:/ { print $2 }' /proc/self/status)Seccomp:$outside" \
    dumpinfo --no-sandbox hang
[ ! -e "$DUMPIO_BIN/dumpmount" ] || reading $on dumpmount -f hang m
exec 7>&-

# ---- nothing that a tool needs is denied ------------------------------------------------------------
# Inputs, outputs, temporary files and what is beside them, each in a folder of its own.
rm -rf to
mkdir from to tmp keys
mv in.kdump from/
mv key keys/
export TMPDIR=$PWD/tmp

if ! command -v strace >which || ! strace -o trace true 2>why; then
    echo "skipped: what is denied is not looked at: no strace that works here"
    traced() { ok "$@" 2>err; }
else
    # traced COMMAND...: it succeeds, and no call was refused since the filter was there
    # (nobody looks for leaks: that needs ptrace, which strace has)
    traced() {
        checks=$((checks + 1))
        if ! ASAN_OPTIONS=detect_leaks=0 strace -f -o trace "$@" </dev/null >out 2>err; then
            failures=$((failures + 1))
            echo "FAILED: $*"
            head -5 err
        elif ! awk '/seccomp\(SECCOMP_SET_MODE_FILTER/ && / = 0$/ { on = 1; next }
                    on && / = -1 (EACCES|EPERM|ENOSYS) / && !/clone3/ { print; bad = 1 }
                    END { exit bad || !on }' trace >denied; then
            failures=$((failures + 1))
            echo "FAILED: refused, or no sandbox: $*"
            head -5 denied
        fi
    }
fi

want=$(dumpverify --digest from/in.kdump | cut -d ' ' -f 1)
# same FILE...: it has the memory of the input
same() { [ "$(dumpverify --digest --identity=keys/key "$@" | cut -d ' ' -f 1)" = "$want" ]; }

traced dumpconv -q --manifest --to=elf from/in.kdump to/a.elf.zst
ok same to/a.elf.zst
ok test -f to/a.elf.zst.manifest.json
traced dumpconv -q -f --to=lkcd from/in.kdump to/a.elf.zst
traced dumpconv -q --encrypt-to="$recipient" --manifest --to=kdump from/in.kdump to/b.age
ok same to/b.age
traced dumpverify -q --identity=keys/key to/b.age
traced dumpconv -q --to=elf --split=2M from/in.kdump to/part
traced dumpverify -q to/part001
traced dumpmerge -q to/part0* to/joined
ok same to/joined
traced dumpsplit -q --by=memory --parts=3 from/in.kdump to/piece
traced dumpmerge -q to/piece003 to/piece001 to/piece002 to/again
ok same to/again
traced dumpsplit -q --size=3M --name=to/no%d.bin from/in.kdump
traced dumpinfo -q --map=to/map.png from/in.kdump
traced dumpinfo -q to/a.elf.zst
traced dumpfilter -q -d 31 --keep-unknown --input-digest from/in.kdump to/small
traced dumpfilter -q --dump-dmesg from/in.kdump to/log
traced dumpfilter -q -d 31 --dry-run from/in.kdump
traced dumpcrypt -r "$recipient" -o to/c.age from/in.kdump
traced dumpcrypt rewrap -i keys/key -r "$recipient" -o to/d.age to/c.age
traced dumpcrypt -d -i keys/key -o to/d.kdump to/d.age
ok cmp to/d.kdump from/in.kdump
traced dumpcrypt keygen -o keys/more
traced dumphandoff -q -d 31 --exclude=freed --scan=keys/more --identity=keys/key --split=1M --case=1 \
    --encrypt-to="$recipient" from/in.kdump to/vendor
traced sh -c 'cat from/in.kdump | dumpconv -q --to=elf - - >to/stream'
traced dumpconv -q --to=kdump from/in.kdump /dev/null
ok [ -z "$(ls tmp)" ]

# An input that cannot be read is told as ever.
expect 1 dumpinfo from
has err "from is a directory"
expect 1 dumpinfo from/none
has err "No such file"
finish
