#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Manifests: written on request, checked by sha256sum and ssh-keygen, used by dumpverify.
set -u
. "$(dirname "$0")/lib.sh"

zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o whole.kdump || exit 1
expect 0 dumpfilter -q --only=0x1000000-0x1c00000 whole.kdump in.kdump
digest() { dumpverify --digest -q "$1" | cut -d ' ' -f 1; }
json() { /usr/bin/python3 -c 'import json,sys; m=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$@"; }
is() { [ "$1" = "$2" ] || { echo "\"$1\" is not \"$2\""; false; }; }
# flip FILE OFFSET: its lowest bit
flip() {
    /usr/bin/python3 - "$@" <<'END'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2], 0)); b = f.read(1)[0]; f.seek(-1, 1); f.write(bytes([b ^ 1]))
END
}

# ---- what is written ---------------------------------------------------------------------------------
expect 0 dumpconv --to=elf in.kdump none.elf
ok [ ! -e none.elf.manifest.json ] # not asked for
expect 0 dumpconv --to=elf --manifest in.kdump a.elf
ok cmp -s none.elf a.elf
ok sha256sum --quiet -c a.elf.sha256
ok is "$(json a.elf.manifest.json 'm["image"]["sha256"]')" "$(digest a.elf)"
ok is "$(json a.elf.manifest.json 'm["parts"][0]["sha256"]')" "$(sha256sum a.elf | cut -d ' ' -f 1)"
ok is "$(json a.elf.manifest.json 'm["format"], m["codec"], m["containers"]')" "('elf', 'none', None)"
ok is "$(json a.elf.manifest.json 'len(m["image"]["leaves"])')" 3
has a.elf.manifest.json '"input.format=kdump"'
ok [ "$(stat -c %a a.elf.manifest.json)" = 600 ]
ok [ ! -e a.elf.manifest.json.sig ]
for threads in 1 2 4; do
    expect 0 dumpconv -f -T $threads --to=kdump:lzo --manifest --wrap=zst in.kdump t.kdump.zst
    expect 0 cp t.kdump.zst.manifest.json "t$threads.json"
    ok cmp -s t1.json "t$threads.json"
done
ok is "$(json t1.json 'm["codec"], m["containers"]')" "('lzo', 'zstd flattened')"
expect 0 dumpconv -F --to=kdump --manifest in.kdump flat
ok is "$(json flat.manifest.json 'm["containers"]')" flattened
expect 0 dumpfilter -d 1 --input-digest --manifest in.kdump f.kdump
has f.kdump.manifest.json "\"input.digest=$(digest in.kdump)\""
has f.kdump.manifest.json 'options=-d 1 --input-digest --manifest'
expect 0 dumpverify f.kdump
# names that sha256sum escapes
name=$'odd\\name\nof "it"'
expect 0 dumpconv --to=raw --manifest in.kdump "$name"
ok sha256sum --quiet -c "$name.sha256"
expect 0 dumpverify --from=raw "$name"
# nothing is in the way, nothing is left behind
expect 1 dumpconv --to=elf --manifest in.kdump a.elf
expect 0 cp a.elf.manifest.json b.elf.manifest.json
expect 1 dumpconv --to=elf --manifest in.kdump b.elf
has err 'b.elf.manifest.json exists'
ok [ ! -e b.elf ]
ok [ ! -e b.elf.sha256 ]
expect 2 dumpconv --to=elf --manifest in.kdump -
has err 'a manifest stands beside a file'
ok [ -z "$(find . -name '*.dumpio-*')" ]

# ---- what is checked ---------------------------------------------------------------------------------
expect 0 dumpverify a.elf
has out 'files     1, as it was written'
has out 'signature none'
expect 0 dumpverify none.elf
has out 'no manifest stands beside it'
expect 0 dumpverify --no-manifest a.elf
at=$(($(stat -c %s a.elf) - 100000))
flip a.elf $at
expect 1 dumpverify a.elf
has out 'a.elf is damaged: its SHA-256 is another one'
has out 'changed   0x1800000-0x1c00000: not the memory that was written'
has out 'NOT WHOLE'
expect 1 dumpverify --json a.elf
ok is "$(json out 'm["changed"]')" "[{'start': '0x1800000', 'end': '0x1c00000'}]"
ok is "$(json out 'm["manifest"]["parts"][0]["state"]')" damaged
expect 0 dumpverify --no-manifest a.elf # the same damage is not to be seen
flip a.elf $at
expect 0 dumpverify a.elf
flip a.elf 9 # in a header
expect 1 dumpverify a.elf
has out 'changed   no page'
flip a.elf 9
truncate -s -1 a.elf
expect 1 dumpverify a.elf
has out 'bytes, not'
expect 0 dumpconv -f --to=elf --manifest in.kdump a.elf
expect 0 mv a.elf elsewhere
expect 1 dumpverify a.elf
has out 'missing'
expect 0 mv a.elf.manifest.json elsewhere.manifest.json # both renamed
expect 0 dumpverify elsewhere
has out 'as it was written'
expect 0 cp elsewhere.manifest.json of.another.name.manifest.json # found by the name inside
expect 0 mv elsewhere a.elf
expect 0 mv elsewhere.manifest.json other.manifest.json
expect 0 dumpverify a.elf
has out 'as it was written'
# a manifest of older contents: a dump that is something else now
expect 0 dumpfilter -d 1 in.kdump other.kdump
expect 0 cp other.kdump f.kdump
expect 1 dumpverify f.kdump
expect 0 dumpfilter -f -d 1 --manifest in.kdump f.kdump
expect 0 dumpverify f.kdump
# a manifest that was changed
flip f.kdump.manifest.json 40
expect 1 dumpverify f.kdump
has err 'it was changed since it was written'
has out 'NOT WHOLE'
expect 0 truncate -s 300 f.kdump.manifest.json
expect 1 dumpverify f.kdump
has err 'it does not end with the digest of itself'

# ---- encrypted ---------------------------------------------------------------------------------------
expect 0 dumpcrypt keygen -o key
expect 0 dumpcrypt keygen -o wrong
me=$(grep -o 'age1[0-9a-z]*' key)
expect 0 dumpconv --to=kdump --manifest --encrypt-to="$me" in.kdump s.kdump.age
ok sha256sum --quiet -c s.kdump.age.sha256
ok is "$(json s.kdump.age.manifest.json 'sorted(k for k in m if m[k])')" \
    "['dumpio_manifest', 'file', 'parts', 'sha256_before', 'split']" # nothing of the contents
ok grep -qa '^age-encryption.org/v1' s.kdump.age.manifest.json.age
expect 0 dumpcrypt -d -i key -o inside s.kdump.age.manifest.json.age
ok is "$(json inside 'm["image"]["sha256"]')" "$(digest in.kdump)"
ok is "$(json inside 'm["containers"]')" 'age flattened'
expect 0 dumpverify s.kdump.age
has out 'the files are as they were written'
expect 0 dumpverify -i key s.kdump.age
has out 'verdict   whole'
expect 1 dumpverify -i wrong s.kdump.age
flip s.kdump.age $(($(stat -c %s s.kdump.age) / 2))
expect 1 dumpverify s.kdump.age
has out 'damaged'
expect 1 dumpverify -i key s.kdump.age
has out 'damaged'
expect 0 dumpconv --to=elf --manifest --encrypt-to="$me" in.kdump s.elf.age
flip s.elf.age $(($(stat -c %s s.elf.age) / 2))
expect 1 dumpverify -i key s.elf.age
has out 'does not authenticate'
has out 'changed   0x'
# over an older, encrypted one: nothing of it stays
expect 0 dumpconv -f --to=kdump --wrap=none --manifest in.kdump s.kdump.age
ok [ ! -e s.kdump.age.manifest.json.age ]
expect 0 dumpverify s.kdump.age

# ---- signed ------------------------------------------------------------------------------------------
if command -v ssh-keygen >/dev/null; then
    for kind in ed25519 rsa ecdsa; do
        ssh-keygen -q -t $kind -N '' -C '' -f "ssh-$kind" </dev/null || exit 1
    done
    ssh-keygen -q -t ed25519 -N secret -C '' -f ssh-locked </dev/null || exit 1
    ssh-keygen -q -t rsa -m PEM -N '' -C '' -f ssh-pem </dev/null || exit 1
    {
        echo "# who may sign"
        echo "ed@example.org,*@example.net namespaces=\"file\" $(cut -d ' ' -f 1,2 ssh-ed25519.pub)"
        echo "rsa@example.org valid-after=\"20200101\",valid-before=\"21000101Z\" $(cat ssh-rsa.pub)"
        echo "pem@example.org $(cat ssh-pem.pub)"
    } >allowed
    for kind in ed25519 rsa pem; do
        expect 0 dumpconv -f --to=elf --sign="ssh-$kind" in.kdump a.elf
        ok ssh-keygen -q -Y verify -f allowed -I "${kind/ed25519/ed}@example.org" -n file \
            -s a.elf.manifest.json.sig <a.elf.manifest.json
        expect 0 dumpverify --signer=allowed a.elf
        has out "signature by ${kind/ed25519/ed}@example.org"
        has out "$(ssh-keygen -l -f "ssh-$kind.pub" | cut -d ' ' -f 2)"
        # and the other way: what ssh-keygen signs
        rm a.elf.manifest.json.sig
        ssh-keygen -q -Y sign -f "ssh-$kind" -n file a.elf.manifest.json 2>/dev/null || exit 1
        expect 0 dumpverify --signer=allowed a.elf
        expect 0 dumpverify a.elf
        has out 'signature fits'
    done
    expect 0 mv a.elf.manifest.json.sig good.sig
    ssh-keygen -q -Y sign -f ssh-rsa -n mail a.elf.manifest.json 2>/dev/null
    expect 1 dumpverify --signer=allowed a.elf
    has out 'another namespace'
    cp good.sig a.elf.manifest.json.sig
    expect 0 dumpverify --signer=allowed a.elf
    flip a.elf.manifest.json.sig 200
    expect 1 dumpverify a.elf
    has out 'signature BAD'
    cp good.sig a.elf.manifest.json.sig
    grep -v ^pem allowed >others
    expect 1 dumpverify --signer=others a.elf
    has out 'NOT ALLOWED'
    sed 's/^pem@example.org/& valid-before="20200101"/' allowed >expired
    expect 1 dumpverify --signer=expired a.elf
    has out 'other times or namespaces'
    sed 's/^pem@example.org/& namespaces="git,!file,*"/' allowed >not
    expect 1 dumpverify --signer=not a.elf
    # a manifest made for other contents, with its digest of itself set right, has a bad signature
    /usr/bin/python3 - <<'END'
import hashlib
t = open("a.elf.manifest.json", "rb").read()
body = t[:t.rindex(b'  "sha256_before"')].replace(b"kdump", b"kdumq")
open("a.elf.manifest.json", "wb").write(
    body + b'  "sha256_before": "%s"\n}\n' % hashlib.sha256(body).hexdigest().encode())
END
    expect 1 dumpverify --signer=allowed a.elf
    has out 'not the signature of this content'
    rm a.elf.manifest.json.sig
    expect 0 dumpverify a.elf
    expect 1 dumpverify --signer=allowed a.elf # not signed
    expect 1 dumpverify --signer=allowed none.elf # no manifest
    has err 'nothing is signed'
    # both halves are signed
    expect 0 dumpconv -f --to=kdump --sign=ssh-rsa --encrypt-to="$me" in.kdump s.kdump.age
    for half in s.kdump.age.manifest.json s.kdump.age.manifest.json.age; do
        ok ssh-keygen -q -Y verify -f allowed -I rsa@example.org -n file -s $half.sig <$half
    done
    expect 0 dumpverify --signer=allowed s.kdump.age
    expect 0 dumpverify --signer=allowed -i key s.kdump.age
    rm s.kdump.age.manifest.json.age.sig
    expect 1 dumpverify --signer=allowed s.kdump.age
    # keys that cannot sign are told before the work
    expect 1 dumpconv --to=elf --sign=ssh-locked in.kdump never
    has err 'with a passphrase'
    expect 1 dumpconv --to=elf --sign=ssh-ecdsa in.kdump never
    has err 'not supported'
    expect 1 dumpconv --to=elf --sign=in.kdump in.kdump never
    ok [ ! -e never ]
fi

finish
