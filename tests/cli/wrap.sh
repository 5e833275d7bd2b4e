#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Containers and encryption around dumps: made by suffix or option, opened in place.
set -u
. "$(dirname "$0")/lib.sh"

zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o in.kdump || exit 1
digest() { dumpverify --digest "$@" | cut -d ' ' -f 1; }
expect 0 dumpcrypt keygen -o mine.key
expect 0 dumpcrypt keygen -o other.key
me=$(grep -o 'age1[0-9a-z]*' mine.key)

# ---- compressed -------------------------------------------------------------------------------------
expect 0 dumpfilter -q --only=0x1000000-0x1800000 in.kdump small.kdump # xz is slow
same() { [ "$(digest $from)" = "$(digest "$@")" ]; }
for suffix in zst gz xz; do
    from=in.kdump
    [ $suffix != xz ] || from=small.kdump
    expect 0 dumpconv --to=elf $from "a.elf.$suffix"
    ok same "a.elf.$suffix"
    expect 0 dumpinfo --json --quick "a.elf.$suffix"
    ok grep -q '"containers": "[a-z]' out
    expect 0 dumpconv --to=kdump $from "a.kdump.$suffix"
    ok same "a.kdump.$suffix"
    dumpconv -q --to=elf - - --wrap="$suffix" <$from >"piped.$suffix"
    ok same "piped.$suffix"
done
from=in.kdump
zstd -q -d a.elf.zst -o a.elf
ok same a.elf
expect 0 dumpconv --to=elf small.kdump small.elf
ok cmp -s small.elf <(xz -dc a.elf.xz)
ok cmp -s a.elf <(gzip -dc a.elf.gz)
expect 0 dumpconv --wrap=none --to=elf in.kdump plain.elf.zst
ok cmp -s a.elf plain.elf.zst
for threads in 1 2 4; do
    expect 0 dumpconv -T $threads --to=elf in.kdump "t$threads.elf.zst"
    ok cmp -s t1.elf.zst "t$threads.elf.zst"
done
expect 2 dumpconv --wrap=lha --to=elf in.kdump wrong
has err "no container"
ok [ ! -e wrong ]
head -c 1000000 a.elf.zst >cut.elf.zst
expect 1 dumpverify cut.elf.zst
has out "NOT WHOLE"
expect 3 dumpconv --to=kdump cut.elf.zst saved

# ---- pages in a container that compresses are plain, and the smallest one is asked for ---------------
expect 0 dumpconv --to=kdump in.kdump plain.kdump.zst
ok same plain.kdump.zst
expect 0 dumpinfo --json plain.kdump.zst
has out '"codec": "none"'
expect 0 dumpconv --to=kdump:lzo in.kdump lzo.kdump.zst
expect 0 dumpinfo --json lzo.kdump.zst
has out '"codec": "lzo"'
expect 0 dumpfilter --only=0-0x800000 --to=elf in.kdump usual.elf.zst
expect 0 dumpfilter --only=0-0x800000 --to=elf --best in.kdump best.elf
ok [ "$(dumpverify --digest best.elf | cut -d' ' -f1)" = "$(dumpverify --digest usual.elf.zst | cut -d' ' -f1)" ]
ok zstd -tq best.elf
ok [ "$(stat -c %s best.elf)" -lt "$(($(stat -c %s usual.elf.zst) * 95 / 100))" ]

# ---- bombs ------------------------------------------------------------------------------------------
# A packed file may be 1000 times as large as it is, or 64 MiB; zeros, which take no room, more.
bytes() { head -c "$1" /dev/zero | tr '\0' "$2"; }
bytes 100M A | zstd -q >bomb.zst
bytes 100M A | gzip -1 >bomb.gz # 230 times: 64 MiB and more
bytes 100M A | xz -1 >bomb.xz
bytes 100M A | zstd -q | gzip >bomb.zst.gz # each layer is held against the file's size
bytes 100M '\0' | zstd -q >zeros.zst
for bomb in bomb.zst bomb.xz bomb.zst.gz; do
    expect 1 dumpinfo "$bomb"
    has err "unpacks to more than 67108864 bytes"
    has err "--max-expansion"
    expect 1 dumpinfo --max-expansion=0 "$bomb"
    has err "not a dump of a known format"
    expect 1 dumpinfo --max-expansion=5000000 "$bomb"
    has err "not a dump of a known format"
done
expect 1 dumpinfo bomb.gz
has err "not a dump of a known format"
expect 1 dumpinfo --max-expansion=200 bomb.gz
has err "unpacks to more than"
expect 1 dumpinfo zeros.zst
has err "not a dump of a known format"
expect 2 dumpinfo --max-expansion=many bomb.zst
cp in.kdump nested
for _ in 1 2 3 4 5 6 7 8; do
    gzip -1c nested >more && mv more nested
done
ok same nested
gzip -1c nested >deeper
expect 1 dumpinfo deeper
has err "more than 8 containers"
rm -f bomb* zeros.zst nested deeper

# ---- encrypted --------------------------------------------------------------------------------------
expect 0 dumpconv --to=elf --encrypt-to="$me" in.kdump b.elf.zst.age
expect 1 dumpinfo b.elf.zst.age
has err "identity"
expect 1 dumpinfo -i other.key b.elf.zst.age
expect 0 dumpinfo -i mine.key b.elf.zst.age
has out "6.1.0-56-cloud-amd64"
ok same -i mine.key b.elf.zst.age
dumpcrypt -d -i mine.key -o b.elf.zst b.elf.zst.age
ok same b.elf.zst
echo "$me" >recipients
expect 0 dumpfilter -d 31 --encrypt-to=recipients --identity=mine.key b.elf.zst.age c.kdump
ok [ "$(head -c 21 c.kdump)" = "age-encryption.org/v1" ] # asked for: encrypted, whatever its name
ok same -i mine.key c.kdump
expect 2 dumpconv --to=elf in.kdump nobody.age
has err "nobody to encrypt for"
ok [ ! -e nobody.age ]
expect 1 dumpconv --to=elf --encrypt-to=mine.key.missing in.kdump nobody
ok [ "$(stat -c %a b.elf.zst.age)" = 600 ]
ok sh -c '! grep -aqs "6.1.0-56-cloud" b.elf.zst.age'

# ---- pieces ------------------------------------------------------------------------------------------
split -b 3000000 b.elf.zst.age piece.
ok same --set -i mine.key piece.a?
ok same --set -i mine.key piece.ab piece.aa piece.ac piece.ad piece.ae
expect 1 dumpverify --set -i mine.key piece.aa piece.ab piece.ac piece.ad
finish
