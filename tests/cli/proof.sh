#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Manifests, signatures and checksums of parts and of encrypted files; what an output that is
# replaced leaves behind; parts that are many, or opened by several names at once.
# Not covered: manifests of single dumps (manifest.sh), which damage is found how often (truth/manifest.py).
set -u
. "$(dirname "$0")/lib.sh"
quick="--no-sync -q"
zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o dump || exit 1
expect 0 dumpcrypt keygen -o key
me=$(grep -o 'age1[0-9a-z]*' key)
digest() { dumpverify --digest -q "$@" 2>/dev/null | cut -d' ' -f1; }
is() { [ -n "$1" ] && [ "$1" = "$2" ] || { echo "\"$1\" is not \"$2\""; false; }; }
not() { ! "$@"; }
json() { /usr/bin/python3 -c 'import json,sys; m=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$@"; }
flip() { # FILE OFFSET: its lowest bit
    /usr/bin/python3 - "$@" <<'END'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2], 0)); b = f.read(1)[0]; f.seek(-1, 1); f.write(bytes([b ^ 1]))
END
}
want=$(digest dump)
expect 0 dumpconv $quick --to=elf --manifest dump all.elf
image() { json "$1" '__import__("hashlib").sha256(json.dumps(m["image"]).encode()).hexdigest()'; }
leaves=$(image all.elf.manifest.json) # all of them, as one
ok is "$(json all.elf.manifest.json 'm["image"]["sha256"]')" "$want"

# ---- parts have the leaves of the whole, wherever they are cut ---------------------------------------
for how in "--by=memory --parts=5 --align=256K" "--by=memory --size=5M --to=elf" \
    "--by=memory --size=4M --align=256K --to=elf" "--by=memory --size=3M" "--by=memory --parts=3 --to=lkcd" \
    --size=1M --parts=7; do
    expect 0 dumpsplit $quick $how dump p
    ok is "$(image p.manifest.json)" "$leaves"
    ok test "$(json p.manifest.json 'm["provenance"]' | grep -c "tool=dumpsplit")" = 1
    expect 0 dumpsplit --json -q -f $how dump p
    ok is "$(json out 'm["image_digest"]')" "$want"
    expect 0 dumpverify p.manifest.json
    has out "verdict   whole"
    rm -f p[0.]*
done
expect 0 dumpconv $quick --to=elf --split=8M --split-by=memory dump c
ok is "$(image c.manifest.json)" "$leaves"
has c.manifest.json '"tool=dumpconv'
rm c[0.]*
# by bytes: not when it is not wanted, not of what is no dump, and of ciphertext for its readers alone
expect 0 dumpsplit $quick --parts=2 --no-image dump p
ok is "$(json p.manifest.json '"image" in m')" False
head -c 100000 /dev/urandom >noise
expect 0 dumpsplit $quick -f --parts=2 noise p
ok is "$(json p.manifest.json '"image" in m')" False
expect 2 dumpsplit $quick -f --by=memory --parts=2 --no-image dump p
expect 0 dumpcrypt -q -r "$me" -o dump.age dump
expect 0 dumpsplit $quick -f --parts=2 -i key dump.age p
ok not grep -q "$want" p.manifest.json
expect 0 dumpsplit $quick -f --size=2M -i key --encrypt-to="$me" --wrap=zst dump.age p
ok not grep -q "$want" p.manifest.json
expect 0 dumpcrypt -d -i key -o inside p.manifest.json.age
ok is "$(image inside)" "$leaves"
ok is "$(json inside 'm["format"], m["containers"]')" "('kdump', 'age zstd age')"
rm -f p[0.]* inside
# what the input's manifest says is not read again
cp all.elf b.elf; cp all.elf.manifest.json b.elf.manifest.json
expect 0 dumpsplit $quick --parts=3 all.elf p
has p.manifest.json '"tool=dumpconv'
ok is "$(image p.manifest.json)" "$leaves"
rm -f p[0.]* b.elf*

# ---- damage: which part, and which 4 MiB ----------------------------------------------------------------
expect 0 dumpsplit $quick --by=memory --parts=3 --to=elf dump p
at=$(($(stat -c %s p002) - 100000))
flip p002 $at
expect 1 dumpverify p001
has out "file      p002 is damaged"
has out "in p002: not the memory that was written"
expect 1 dumpverify --json p001
/usr/bin/python3 - <<'END'
import json
told, m = json.load(open("out")), json.load(open("p.manifest.json"))
(c,), part = told["changed"], m["parts"][1]
assert part["start"] <= int(c["start"], 0) < int(c["end"], 0) <= part["end"] + (4 << 20), told["changed"]
assert int(c["end"], 0) - int(c["start"], 0) == 4 << 20, told["changed"]
assert [p["state"] for p in told["manifest"]["parts"]] == ["whole", "damaged", "whole"]
END
ok test $? = 0
flip p002 $at
expect 0 dumpverify p001 p002 p003 # all of a set are one dump
has out "files     3, as they were written"
expect 0 dumpverify p*
expect 0 dumpverify --digest --set p003 p001 p002
has out "$want"
flip p003 0 # it is no ELF file any more: the others are looked at
expect 1 dumpverify p001
has out "p003 is damaged"
has out "in p003: not the memory"
has out "NOT WHOLE"
ok not grep -q "in p00[12]" out
flip p003 0
rm p.manifest.json
expect 0 dumpverify --set p001 p002 p003
expect 1 dumpverify --set p001 p002 missing
rm p[0.]*
expect 0 dumpsplit $quick --size=2M dump p
flip p002 70000
expect 1 dumpverify p002
has out "file      p002 is damaged"
flip p002 70000
expect 0 dumpverify p0??
expect 0 dumpsplit $quick -f --size=2M --encrypt-to="$me" dump p
expect 0 dumpverify p001 p002
has out "the files are as they were written"
expect 0 dumpverify -i key p*
has out "verdict   whole"
rm p[0.]*
expect 2 dumpverify dump dump dump

# ---- names -------------------------------------------------------------------------------------------------
expect 0 dumpsplit $quick --parts=2 dump piece.
ok test -e piece.manifest.json -a -e piece.sha256 -a -e piece.001
for name in piece. piece.002 piece; do
    expect 0 dumpverify $name
    has out "files     2, as they were written"
done
expect 0 dumpmerge $quick piece.00? whole
ok cmp -s whole dump
rm -f piece* whole

# ---- many parts, few open files ------------------------------------------------------------------------------
expect 0 dumpsplit $quick --by=memory --parts=100 --to=elf dump p
few() { (ulimit -Sn 40; "$@"); }
expect 0 few dumpmerge $quick p??? whole
ok is "$(digest whole)" "$want"
expect 0 few dumpverify p001
rm -f p[0-9.]* whole

# ---- signed --------------------------------------------------------------------------------------------------
if command -v ssh-keygen >/dev/null; then
    for who in us them; do
        ssh-keygen -q -t ed25519 -N '' -C '' -f ssh-$who </dev/null || exit 1
        echo "$who@example.org $(cat ssh-$who.pub)" >allow-$who
    done
    signed() { ssh-keygen -q -Y verify -f allow-us -I us@example.org -n file -s "$1.sig" <"$1"; }
    expect 0 dumpconv $quick --to=elf --split=4M --sign=ssh-us dump a
    expect 0 dumpfilter $quick -d 1 --split-by=memory --split-parts=2 --sign=ssh-us dump b
    expect 0 dumpsplit $quick --parts=3 --sign=ssh-us dump c
    expect 0 dumpsplit $quick --by=memory --parts=3 --sign=ssh-us dump d
    for set in a b c d; do
        ok signed $set.manifest.json
        expect 0 dumpverify --signer=allow-us ${set}001
        has out "signature by us@example.org"
        expect 1 dumpverify --signer=allow-them ${set}001
        expect 1 dumpmerge $quick --signer=allow-them ${set}0?? whole
        has err "nothing written"
        ok test ! -e whole
        expect 0 dumpmerge --no-sync --signer=allow-us ${set}0?? whole
        has err "is signed by us@example.org"
        rm whole
    done
    expect 0 dumpconv $quick -f --to=elf --split=4M --sign=ssh-us --encrypt-to="$me" dump a
    ok signed a.manifest.json
    ok signed a.manifest.json.age
    cp d.manifest.json.sig a.manifest.json.age.sig # of something else
    expect 1 dumpmerge $quick a0?? whole
    has err "signature is no good"
    rm a.manifest.json.age.sig
    expect 0 dumpmerge $quick a0?? whole
    expect 1 dumpmerge $quick -f --signer=allow-us a0?? whole
    has err "is not signed"
    rm c.manifest.json
    expect 1 dumpmerge $quick -f --signer=allow-us c0?? whole
    has err "nothing is signed"
    expect 0 dumpsplit $quick -f --parts=3 dump d # no signature of the old manifest stays
    ok test ! -e d.manifest.json.sig
    expect 0 dumpverify d001
    rm -f [abcd][0.]* whole
    expect 0 dumphandoff $quick -d 1 --sign=ssh-us --encrypt-to="$me" --case=1 dump to
    for half in "" .age; do
        ok signed to/1_vmcore.elf.zst.age.part.manifest.json$half
        has to/1_report.txt "1_vmcore.elf.zst.age.part.manifest.json$half.sig"
    done
    has to/1_report.html "by the key $(ssh-keygen -l -f ssh-us.pub | cut -d ' ' -f 2)"
    expect 0 dumphandoff $quick -f -d 1 --encrypt-to="$me" --case=1 dump to
    ok test -z "$(find to -name '*.sig')"
    ok not grep -q '[.]sig' to/1_report.txt
    rm -r to
    expect 0 dumpcrypt -q --sign=ssh-us -r "$me" -o s.age dump
    ok signed s.age.manifest.json
    ok signed s.age.manifest.json.age
    expect 0 dumpverify -i key --signer=allow-us s.age
    rm s.age*
fi

# ---- encrypting with a manifest ----------------------------------------------------------------------------------
expect 0 dumpconv $quick --to=kdump:zlib dump zlib
expect 0 dumpcrypt -q --manifest -r "$me" -o e.age zlib
ok sha256sum --quiet -c e.age.sha256
ok is "$(json e.age.manifest.json 'sorted(k for k in m if m[k])')" \
    "['dumpio_manifest', 'file', 'parts', 'sha256_before', 'split']"
ok not grep -q "$me" e.age.manifest.json
expect 0 dumpcrypt -d -i key -o inside e.age.manifest.json.age
ok is "$(image inside)" "$leaves"
ok is "$(json inside 'm["format"], m["codec"], m["containers"]')" "('kdump', 'zlib', 'age')"
has inside '"options=-q --manifest"'
expect 0 dumpverify -i key e.age
has out "verdict   whole"
flip e.age 300000
expect 1 dumpverify e.age
has out "e.age is damaged"
expect 0 dumpcrypt -q -f --manifest -a -r "$me" -o e.age dump
expect 0 dumpcrypt -d -i key -o inside -f e.age.manifest.json.age
ok is "$(json inside 'm["containers"]')" "age-armor age"
expect 0 dumpverify -i key e.age
expect 0 dumpcrypt -q -f --manifest --no-image -r "$me" -o e.age dump
expect 0 dumpcrypt -d -i key -o inside -f e.age.manifest.json.age
ok is "$(json inside '"image" in m')" False
dumpcrypt -q -f --manifest -r "$me" -o e.age <dump
ok test $? = 0
ok sha256sum --quiet -c e.age.sha256
expect 0 dumpcrypt -q -f --manifest -r "$me" -o e.age noise # any file
expect 0 dumpverify e.age
expect 2 dumpcrypt --manifest -d -i key -o f e.age
expect 2 dumpcrypt rewrap --manifest -i key -r "$me" -o f e.age
expect 2 dumpcrypt --no-image -r "$me" -o f dump
expect 1 dumpcrypt --manifest -r "$me" dump
has err "a manifest stands beside a file"
ok test ! -e f
rm -f e.age* inside

# ---- a manifest of what was joined ---------------------------------------------------------------------------------
expect 0 dumpsplit $quick --parts=3 dump p
expect 0 dumpmerge $quick --manifest p0?? whole
ok is "$(image whole.manifest.json)" "$leaves"
ok sha256sum --quiet -c whole.sha256
expect 0 dumpverify whole
expect 1 dumpmerge $quick -f --salvage --manifest p0?? whole
rm p.manifest.json
expect 1 dumpmerge $quick -f --manifest p0?? whole
has err "there is none"
expect 0 dumpverify whole # nothing of it was touched
rm -f p0* p.* whole*

# ---- checksums alone, and beside a manifest --------------------------------------------------------------------------
cp dump plain
sha256sum plain >plain.sha256
expect 0 dumpverify plain
has out "checksums plain.sha256"
has out "files     1, as it was written"
flip plain 5000000
expect 1 dumpverify plain
has out "plain is damaged"
flip plain 5000000
sha256sum -b plain noise all.elf >plain.sha256 # the others are not its matter
expect 0 dumpverify plain
has out "files     1,"
sha256sum noise >plain.sha256
expect 0 dumpverify plain
has err "has no checksum of plain"
has out "no manifest stands beside it"
expect 1 dumpverify --signer=noise plain
rm plain plain.sha256
name=$'odd\\name\nof "it"'
cp dump "$name"
sha256sum "$name" >"$name.sha256"
expect 0 dumpverify "$name"
has out "files     1, as it was written"
rm "$name"*
expect 0 dumpsplit $quick --parts=3 dump p
rm p.manifest.json
for name in p002 p "p001 p002 p003"; do
    expect 0 dumpverify $name
    has out "files     3, as they were written"
done
flip p003 77
expect 1 dumpverify p001
has out "p003 is damaged"
rm p0* p.*
sha256sum dump.age >dump.age.sha256
expect 0 dumpverify dump.age # no key: the file alone
has out "the files are as they were written"
expect 0 dumpverify -i key dump.age
has out "verdict   whole"
for at in 0 66; do # its digest, its name
    cp all.elf.sha256 kept
    flip all.elf.sha256 $at
    expect 1 dumpverify all.elf
    has out "all.elf.sha256 does not agree"
    has out "NOT WHOLE"
    mv kept all.elf.sha256
done
expect 0 dumpverify all.elf

# ---- an output that is replaced: what stood beside it is not of the new one ---------------------------------------------
made() { expect 0 dumpconv $quick -f --to=elf --manifest --encrypt-to="$me" dump new; }
alone() { [ "$(echo new*)" = new ]; }
made
[ -e ssh-us ] && expect 0 dumpconv $quick -f --to=elf --sign=ssh-us dump new
expect 0 dumpconv --no-sync -f --to=elf dump new
has err "new.manifest.json was of what was there before: removed"
ok alone
made
expect 0 dumpcrypt -q -f -r "$me" -o new dump
ok alone
made
expect 0 dumpcrypt -q -f -d -i key -o new dump.age
ok alone
made
expect 0 dumpcrypt rewrap -q -f -i key -r "$me" -o new dump.age
ok alone
expect 0 dumpsplit $quick --parts=2 dump p
made
expect 0 dumpmerge $quick -f p00? new
ok alone
rm p.*
made
expect 0 dumpmerge $quick -f p00? new
ok alone
made
expect 1 dumpconv $quick --to=elf dump new # not without -f
expect 0 dumpverify new
expect 1 dumpconv $quick -f --to=elf noise new # failed: the old one is as it was
expect 0 dumpverify new
rm new # a new one is not accused either
for command in "dumpconv --to=elf dump new" "dumpcrypt -r $me -o new dump" "dumpmerge p001 p002 new"; do
    expect 1 $command
    has err "new.manifest.json exists, of another file"
    ok test ! -e new
done
expect 0 dumpconv $quick -f --to=elf dump new
ok alone
sha256sum noise new >new.sha256 # somebody's list
echo '{}' >new.manifest.json
expect 0 dumpconv $quick -f --to=elf dump new
ok test -e new.sha256 -a -e new.manifest.json
rm -f new*
expect 0 dumpsplit $quick --by=memory --parts=2 dump new # what a split set has stays
expect 0 dumpconv $quick --to=elf dump new
expect 0 dumpconv $quick -f --to=elf dump new
expect 0 dumpverify new001
has out "new.manifest.json"
expect 0 dumpverify new
finish
