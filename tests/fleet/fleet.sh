#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# contrib/slurm under a real Slurm of one node, on loopback, and under GNU parallel: the same memory
# as one dumpfilter writes; a part that fails is told, leaves no output, and is all that is done again.
# Needs root (Slurm's daemons change users), munge, slurmctld, slurmd, slurm-client, parallel.
# Not covered: several nodes.
set -u
. "$(dirname "$0")/../cli/lib.sh"
fleet=$here/../../contrib/slurm/dumpio-fleet
skip_all() { echo "skip  fleet.sh: $*"; exit 77; }
for program in munged mungekey slurmctld slurmd sbatch scontrol parallel; do
    command -v $program >/dev/null || [ -x /usr/sbin/$program ] || skip_all "$program is not installed"
done
[ "$(id -u)" = 0 ] || skip_all "Slurm's daemons are started as root"
PATH=$PATH:/usr/sbin:/sbin

zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o dump || exit 1
level=(-d 31 --exclude=freed --no-sync --to=kdump:zstd)
digest() { dumpverify --digest -q "$@" 2>/dev/null | cut -d' ' -f1; }
equal() { [ -n "$1" ] && [ "$1" = "$2" ]; }
dumpfilter -q "${level[@]}" dump one || exit 1
want=$(digest one)

# ---- a Slurm of our own -------------------------------------------------------------------------
there=$PWD/slurm daemons=()
stop_slurm() {
    local i
    for ((i = ${#daemons[@]} - 1; i >= 0; i--)); do
        kill "${daemons[i]}" 2>/dev/null
        wait "${daemons[i]}" 2>/dev/null
    done
}
trap 'stop_slurm; exit 1' HUP INT TERM
trap stop_slurm EXIT

free_port() {
    /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

start_slurm() {
    local host
    host=$(hostname -s)
    mkdir -p "$there"/{state,spool,munge}
    chmod 700 "$there/munge"
    mungekey -c -f -k "$there/munge/key" || return 1
    munged --foreground --force --key-file="$there/munge/key" --socket="$there/munge/socket" \
        --pid-file="$there/munge/pid" --seed-file="$there/munge/seed" --num-threads=2 \
        --log-file="$there/munge/log" >"$there/munged.out" 2>&1 &
    daemons+=($!)
    cat >"$there/slurm.conf" <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$there/munge/socket
CredType=cred/munge
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
StateSaveLocation=$there/state
SlurmdSpoolDir=$there/spool
SlurmctldPidFile=$there/slurmctld.pid
SlurmdPidFile=$there/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
    export SLURM_CONF=$there/slurm.conf
    local i
    for ((i = 0; i < 50; i++)); do
        [ ! -S "$there/munge/socket" ] || break
        sleep 0.1
    done
    slurmctld -D -f "$SLURM_CONF" >"$there/slurmctld.out" 2>&1 &
    daemons+=($!)
    slurmd -D -f "$SLURM_CONF" -N "$host" >"$there/slurmd.out" 2>&1 &
    daemons+=($!)
    for ((i = 0; i < 150; i++)); do
        sinfo -h -o %t 2>/dev/null | grep -q idle && return 0
        sleep 0.2
    done
    tail -n 5 "$there"/*.out
    return 1
}

engines=(parallel)
if start_slurm; then
    engines+=(slurm)
else
    ok false # Slurm did not start
fi

# ---- the same memory, by all of them ------------------------------------------------------------
for engine in "${engines[@]}"; do
    expect 0 "$fleet" --engine=$engine --parts=6 --jobs=2 dump $engine.out -- "${level[@]}"
    ok equal "$(digest $engine.out)" "$want"
    expect 0 dumpverify -q $engine.out # by its manifest
    ok test ! -e $engine.out.fleet
    expect 1 "$fleet" --engine=$engine dump $engine.out -- "${level[@]}"
    has err "$engine.out exists"
    expect 0 "$fleet" -f --engine=$engine --parts=3 --keep-parts --join=--to=elf dump $engine.out \
        -- "${level[@]}"
    ok equal "$(digest $engine.out)" "$want"
    ok sh -c "dumpinfo $engine.out | grep -q 'format *elf'"
    ok test "$(ls $engine.out.fleet/part-?.dump | wc -l)" = 3

    # a part that fails: no output, the part is named, and only it is made again
    rm -rf $engine.out*
    mkdir -p bad
    printf '#!/bin/sh\ncase " $* " in *" part-2.dump "*) echo "disk on fire" >&2; exit 1;; esac\n' \
        >bad/dumpfilter
    # shellcheck disable=SC2016 # of the script that is written
    echo 'exec "$(dirname "$0")/dumpfilter.real" "$@"' >>bad/dumpfilter
    chmod +x bad/dumpfilter
    ln -sf "$(command -v dumpio)" bad/dumpio
    for tool in dumpinfo dumpverify dumpmerge; do ln -sf dumpio bad/$tool; done
    printf '#!/bin/sh\nexec "%s" dumpfilter "$@"\n' "$(command -v dumpio)" >bad/dumpfilter.real
    chmod +x bad/dumpfilter.real
    PATH=$PWD/bad:$PATH expect 1 "$fleet" --engine=$engine --parts=4 --jobs=1 dump $engine.out \
        -- "${level[@]}"
    has err "part 2: disk on fire"
    ok test ! -e $engine.out -a ! -e $engine.out.manifest.json
    ok test -e $engine.out.fleet/part-1.state
    rm bad/dumpfilter
    ln -s dumpio bad/dumpfilter
    touch -d '1 hour ago' $engine.out.fleet/part-1.dump
    made=$(stat -c %Y $engine.out.fleet/part-1.dump)
    PATH=$PWD/bad:$PATH expect 1 "$fleet" --engine=$engine --parts=4 dump $engine.out -- -d 1
    has err "of a run with other words"
    PATH=$PWD/bad:$PATH expect 0 "$fleet" --engine=$engine --parts=4 --jobs=1 --keep-parts dump \
        $engine.out -- "${level[@]}"
    ok test "$(stat -c %Y $engine.out.fleet/part-1.dump)" = "$made"
    ok equal "$(digest $engine.out)" "$want"

    # a part that was changed meanwhile is found, and made again by the next run
    rm -f $engine.out*.json $engine.out*.sha256 $engine.out
    printf '\x5a\xa5' | dd of=$engine.out.fleet/part-3.dump bs=1 seek=9000 conv=notrunc status=none
    PATH=$PWD/bad:$PATH expect 1 "$fleet" --engine=$engine --parts=4 dump $engine.out -- "${level[@]}"
    has err "part-3.dump is not as it was written"
    PATH=$PWD/bad:$PATH expect 0 "$fleet" --engine=$engine --parts=4 dump $engine.out -- "${level[@]}"
    ok equal "$(digest $engine.out)" "$want"
    rm -rf $engine.out* bad
done

# ---- a dump with lost pages; one that is exchanged between runs ---------------------------------
head -c 40000000 dump >cut
dumpfilter -q --no-sync -d 0 cut cut.one 2>/dev/null
expect 3 "$fleet" --engine=parallel --parts=3 cut cut.out -- -d 0 --no-sync
ok equal "$(digest cut.out)" "$(digest cut.one)"
expect 0 "$fleet" --engine=parallel --parts=2 --keep-parts dump x.out -- -d 0 --no-sync
rm x.out.fleet/part-1.state
touch dump
expect 1 "$fleet" -f --engine=parallel --parts=2 dump x.out -- -d 0 --no-sync
has err "of a run with other words, or another"
expect 2 "$fleet" dump
expect 2 "$fleet" --engine=other dump out
finish
