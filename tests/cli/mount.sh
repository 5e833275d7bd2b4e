#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dumpmount: the files are those that dumpconv and dumpinfo write, and it goes when it is told to.
# Environment: DUMPIO_BIN (the tools), DUMPIO_SCRATCH (a folder for files).
set -u
skip() { echo "skipped: $*"; exit 77; }
[ -x "$DUMPIO_BIN/dumpmount" ] || skip "built without libfuse3"
[ -w /dev/fuse ] || skip "/dev/fuse cannot be opened here"
[ "$(id -u)" = 0 ] || command -v fusermount3 >/dev/null || skip "no fusermount3"
. "$(dirname "$0")/lib.sh"

here_mounted() { grep -q " $PWD/m fuse.dumpio " /proc/mounts; }
# until COMMAND...: within ten seconds
until_true() {
    for _ in $(seq 100); do
        "$@" && return 0
        sleep 0.1
    done
    return 1
}
gone() { ! here_mounted; }
leave() {
    [ -z "${server:-}" ] || kill "$server" 2>/dev/null
    ! here_mounted || umount -l m 2>/dev/null || fusermount3 -uz m
}
trap leave EXIT

zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o in.kdump || exit 1
dumpconv -q --to=elf in.kdump want.elf
dumpconv -q --to=raw in.kdump want.raw
dumpinfo --quick --json in.kdump >want.json
dumpinfo --dmesg in.kdump >want.txt
mkdir m

# ---- what is asked for wrongly -------------------------------------------------------------------
expect 2 dumpmount
expect 2 dumpmount m
expect 2 dumpmount -o rw in.kdump m
expect 2 dumpmount --output=x in.kdump m
has err "unknown option: --output"
expect 1 dumpmount in.kdump none
has err "none is no folder"
expect 1 dumpmount none.kdump m
has err "none.kdump"
expect 1 dumpmount want.txt m
ok gone
expect 0 dumpmount --help
has out "fusermount3 -u"

# ---- in the background, a pipe as errors: nobody may wait for what is never closed ----------------
chmod 640 in.kdump
expect 0 timeout 60 dumpmount in.kdump m
if ! here_mounted; then
    head -3 err
    skip "mounting is not allowed here"
fi
ok [ "$(ls m | tr '\n' ' ')" = "dmesg.txt info.json memory vmcore " ]
ok [ "$(stat -c %a m/vmcore m | tr '\n' ' ')" = "440 550 " ]
ok cmp m/vmcore want.elf
ok cmp m/memory want.raw
ok cmp m/dmesg.txt want.txt
ok cmp <(grep -v '"file":' m/info.json) <(grep -v '"file":' want.json)
expect 1 touch m/new
expect 1 dd if=/dev/zero of=m/vmcore bs=1 count=1 conv=notrunc
# sparse: a copy that asks for holes finds them
ok cp --sparse=auto m/memory copy.raw
ok cmp copy.raw want.raw
ok [ "$(stat -c %b copy.raw)" -lt $(($(stat -c %s want.raw) / 512 / 2)) ]
ok [ "$(dumpverify --digest m/vmcore | cut -d ' ' -f 1)" = \
     "$(dumpverify --digest in.kdump | cut -d ' ' -f 1)" ]
# several readers at once
for i in 1 2 3 4; do cmp m/vmcore want.elf || touch differ & done
wait
ok [ ! -e differ ]
ok umount m
ok until_true gone

# ---- in the foreground, until SIGTERM, while a file is open ---------------------------------------
dumpmount -f -s in.kdump m 2>err &
server=$!
ok until_true here_mounted
exec 5<m/vmcore
kill -TERM $server
wait $server
ok [ $? = 0 ]
server=
exec 5<&-
ok gone

# ---- encrypted, in a container, cut -----------------------------------------------------------------
dumpcrypt keygen -o key 2>keygen.out >>keygen.out
dumpconv -q --to=lkcd:gzip --encrypt-to="$(grep -o 'age1[a-z0-9]*' keygen.out | head -1)" \
    in.kdump in.zst.age
expect 1 dumpmount in.zst.age m
expect 0 timeout 60 dumpmount --identity=key in.zst.age m
ok [ "$(dumpverify --digest m/vmcore | cut -d ' ' -f 1)" = \
     "$(dumpverify --digest in.kdump | cut -d ' ' -f 1)" ]
ok umount m
ok until_true gone
head -c $(($(stat -c %s want.elf) - 40960)) want.elf >cut.elf
expect 0 dumpmount cut.elf m
expect 3 dumpconv -q --to=elf cut.elf -
ok cmp out m/vmcore
expect 1 dumpverify m/vmcore
ok umount m
ok until_true gone
# pages that turn out lost are no zeros
dumpconv -q --to=kdump:none in.kdump cut.kdump
truncate -s -40960 cut.kdump
expect 0 dumpmount cut.kdump m
expect 2 cmp m/memory want.raw
has err "Input/output error"
ok dd if=m/memory of=/dev/null bs=4096 count=100 status=none
ok umount m
ok until_true gone
finish
