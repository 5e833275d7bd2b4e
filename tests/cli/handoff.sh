#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dumphandoff: what it writes is the filtered dump for its recipient, by the age and zstd programs as
# well; what a killed run leaves proves nothing and is in nobody's way; the report tells the truth.
# shellcheck disable=SC2086 # $level is several words
set -u
. "$(dirname "$0")/lib.sh"
zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o dump || exit 1
for who in vendor us other; do
    expect 0 dumpcrypt keygen -o $who.key
    grep -o 'age1[0-9a-z]*' $who.key >$who.pub
done
name=01234567_vmcore.elf.zst.age.part
set_of="to/$name"
level="-d 31 --exclude=freed" # the dump has no other pages to leave out
handoff() { dumphandoff --no-sync $level --encrypt-to=vendor.pub --case=01234567 "$@" dump to; }
digest() { dumpverify --digest -q "$@" 2>/dev/null | cut -d' ' -f1; }
equal() { [ -n "$1" ] && [ "$1" = "$2" ]; }
not() { ! "$@"; }
empty() { [ -z "$(ls -A "$1" 2>/dev/null)" ]; }
fact() { sed -n "s/^  $1  *//p" to/01234567_report.txt; }
verifies() { dumpverify -q "$@" "$set_of.manifest.json" >/dev/null 2>&1; }

# ---- usage ----------------------------------------------------------------------------------------
expect 2 dumphandoff -d 31 --encrypt-to=vendor.pub dump to
has err "--case=NAME"
expect 2 dumphandoff -d 31 --case=1 dump to
has err "--encrypt-to=WHOM"
expect 2 dumphandoff --encrypt-to=vendor.pub --case=1 dump to
has err "-d LEVEL"
expect 2 dumphandoff -d 31 --encrypt-to=vendor.pub --case=1 dump
for bad in ../1 a/b .a -a '' "$(printf 'a\nb')" 'a<b'; do
    expect 2 dumphandoff -d 31 --encrypt-to=vendor.pub --case="$bad" dump to
done
expect 2 handoff --split=0
expect 2 handoff --split=x
expect 1 dumphandoff -d 31 --encrypt-to=vendor.pub --case=1 missing to
expect 1 dumphandoff -d 31 --encrypt-to=vendor.pub --case=1 dump no/such/folder
ok empty to

# ---- what is written is the filtered dump -----------------------------------------------------------
expect 0 dumpfilter -q --no-sync $level dump want.kdump
want=$(digest want.kdump)
ok not equal "$want" "$(digest dump)"
expect 0 dumpio handoff --no-sync $level --encrypt-to=vendor.pub --case=01234567 --split=1M dump to
cp to/01234567_report.txt first.txt
ok cmp -s to/01234567_report.txt <(cat first.txt)
ok test "$(stat -c %s "${set_of}001")" = 1048576
ok test "$(stat -c %a "${set_of}001")" = 600
ok test "$(stat -c %a to)" = 700
ok equal "$(fact 'image digest')" "$want"
ok verifies
ok verifies -i vendor.key
ok not verifies -i other.key
cat "$set_of"0?? >whole.age
dumpcrypt -d -i vendor.key whole.age >whole.zst && zstd -q -d whole.zst -o whole.elf
ok equal "$(digest whole.elf)" "$want"
if command -v age >/dev/null; then
    rm -f whole.elf
    age -d -i vendor.key whole.age | zstd -q -d >whole.elf
    ok equal "$(digest whole.elf)" "$want"
else
    echo "age is not installed: its part is left out"
fi
(cd to && sha256sum -c --quiet "$name.sha256") >/dev/null 2>&1
ok test $? = 0
ok not grep -rqaE 'OSRELEASE|DUMPIO|zstd"|elf"' to --include='*.json'
ok not grep -rqaE 'OSRELEASE=|VMCOREINFO|SYMBOL\(' to --include='*part0*' # too long to stand in ciphertext by chance
ok test -z "$(find to -name '.*' -type f)"

# ---- the report -------------------------------------------------------------------------------------
ok equal "$(fact recipient)" "$(cat vendor.pub)"
ok equal "$(sed -n 's/.* in \([0-9]*\) parts for 1 recipient: .* of memory.$/\1/p' to/01234567_report.txt)" \
    "$(ls "$set_of"0?? | wc -l)"
for part in "$set_of"0??; do
    has to/01234567_report.txt "$(sha256sum <"$part" | cut -d' ' -f1)"
    has to/01234567_report.html "$(sha256sum <"$part" | cut -d' ' -f1)"
    has to/01234567_report.txt "$(basename "$part")"
done
ok equal "$(fact freed | awk '{ print $1, ($3 > 0) }')" "0 1"
# pages sent are those that dumpfilter keeps
dumpfilter --dry-run --json -q $level dump >dry.json 2>/dev/null
ok equal "$(fact total | awk '{ print $1 }')" \
    "$(/usr/bin/python3 -c 'import json; print(json.load(open("dry.json"))["kept_pages"])')"
ok not grep -qiE 'https?:|<script|<link|@import|url\(|<\?xml' to/01234567_report.html
ok /usr/bin/python3 - to/01234567_report.html <<'END'
import html.parser, sys
class Page(html.parser.HTMLParser):
    open, seen, void = [], set(), {"meta"}
    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag not in self.void:
            self.open.append(tag)
    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
page = Page()
page.feed(open(sys.argv[1], encoding="utf-8").read())
page.close()
assert not page.open and {"html", "svg", "path", "table"} <= page.seen, page.open
END

# ---- again: not by accident -------------------------------------------------------------------------
expect 1 handoff
has err "--force"
ok verifies
expect 0 handoff -f -i us.key -i vendor.key # one part now, and none of the old ones
ok equal "$(echo "$set_of"0*)" "${set_of}001"
has to/01234567_report.txt "the memory in them is the memory that was written"
expect 0 handoff -f --encrypt-to=us.pub -i other.key
has to/01234567_report.txt "none of the given keys"
ok equal "$(fact recipient | sort)" "$(cat vendor.pub us.pub | sort)"
ok equal "$(digest -i us.key "${set_of}001")" "$want"
expect 0 dumphandoff -q --no-sync --exclude=zero --encrypt-to=us.pub --case=x.1 dump to # beside it
ok equal "$(digest -i us.key to/x.1_vmcore.elf.zst.age.part001)" "$(digest dump)"
ok verifies
printf '\x5a' | dd of="${set_of}001" bs=1 seek=5000 conv=notrunc status=none
ok not verifies
rm -rf to

# ---- a file with a hostile name stays text ------------------------------------------------------------
cp dump '<b>&"x'
expect 0 dumphandoff -q --no-sync -d 1 --encrypt-to=us.pub --case=1 '<b>&"x' to
ok not grep -q '<b>' to/1_report.html
has to/1_report.txt '<b>&"x'
rm -rf to '<b>&"x'

# ---- secrets: what kind and where, never which ---------------------------------------------------------
/usr/bin/python3 - <<'END'
import random
memory = bytearray(4 << 20)
def at(addr, text):
    memory[addr:addr + len(text)] = text.encode()
open("clean.raw", "wb").write(memory)
at(0x1000, "-----BEGIN RSA PRIVATE KEY-----\n\0 a program has the header alone")
at(0x3000, "AKIAABCDEFGHIJKLMNOPQ and lowercase AKIAabcdefghijklmnop and xAKIAABCDEFGHIJKLMNOP")
at(0x4000, "ghp_tooshort xoxb-short AGE-SECRET-KEY-1SHORT")
open("near.raw", "wb").write(memory)
secrets = {
    0x10ff0: "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA",  # over the end of a page
    0x20001: "AKIA" + "ABCDEFGHIJKLMNOP",
    0xffff0: "ghp_" + "a1B2c3D4e5F6" * 3,  # over the end of a chunk
    0x30005: "xoxb-123456789012-abcdef",
    0x41000: "AGE-SECRET-KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" * 2,
    0x3ffff0: "AKIA" + "ABCDEFGHIJKL",     # cut by the end of the memory
    0x1ffffd: "my own word",
}
for addr, text in secrets.items():
    at(addr, text)
open("dirty.raw", "wb").write(memory)
open("words", "w").write("# words\n\nmy own word\nanother")
open("short", "w").write("long enough\nabc\n")
END
scan() { # IN OPTIONS...
    dumphandoff --no-sync --from=raw --arch=x86_64 -d 0 --encrypt-to=us.pub --case=1 "${@:2}" "$1" to
}
expect 0 scan near.raw --scan=words
has to/1_report.txt "by 18 rules: none found"
rm -rf to
expect 0 scan clean.raw --scan
rm -rf to
expect 1 scan dirty.raw --scan=words
cp err found
for line in "private key at physical address 0x10ff0" "AWS access key at physical address 0x20001" \
    "GitHub token at physical address 0xffff0" "Slack token at physical address 0x30005" \
    "age secret key at physical address 0x41000" "AWS access key at physical address 0x3ffff0" \
    "the pattern of line 3 of words at physical address 0x1ffffd"; do
    has found "$line"
done
ok equal "$(grep -c 'physical address' found)" 7
ok not grep -qE 'AKIA|ghp_|xoxb|BEGIN|SECRET-KEY|my own' found
ok test ! -e to/1_report.txt
ok test -z "$(find to -type f)"
expect 1 scan clean.raw --scan=short
has err "short, line 2"
expect 1 scan clean.raw --scan=missing
# what is left out is not looked at: a word on freed pages
dumpfilter -q --no-sync $level --to=elf dump kept.elf && dumpconv -q --no-sync --to=elf dump all.elf
/usr/bin/python3 - >words <<'END'
import re
kept = open("kept.elf", "rb").read()
text = re.compile(rb"[ -~]{24,60}")
known = set(text.findall(kept))
for word in text.findall(open("all.elf", "rb").read()):
    if word not in known and not word.startswith(b"#") and word not in kept:
        print(word.decode())
        break
END
ok test -s words
rm -rf to
expect 1 dumphandoff -q --no-sync -d 0 --scan=words --encrypt-to=us.pub --case=1 dump to
has err "the pattern of line 1 of words"
expect 0 dumphandoff -q --no-sync $level --scan=words --encrypt-to=us.pub --case=1 dump to
rm -rf to ./*.raw ./*.elf

# ---- two at a time ------------------------------------------------------------------------------------
mkdir to
flock to -c 'dumphandoff -q -d 31 --encrypt-to=us.pub --case=1 dump to' 2>err
ok test $? = 1
has err "another run is at work"
rm -rf to

# ---- killed at any moment: nothing that verifies, and the next run completes ---------------------------
# kill_at SIGNAL SECONDS: a run that is to take some time. Its exit code, with the shell's words apart.
kill_at() {
    dumphandoff -q -T 1 --level=19 -d 0 --encrypt-to=vendor.pub --split=256K --case=01234567 dump \
        to >/dev/null 2>&1 &
    local pid=$!
    sleep "$2"
    kill -"$1" $pid 2>/dev/null
    { wait $pid; } 2>/dev/null
}
half=0
for ((i = 0; i < 20; i++)); do
    kill_at KILL "0.$((RANDOM % 9))$((RANDOM % 10))"
    code=$?
    [ -n "$(find to -name ".$name*" 2>/dev/null)" ] && half=$((half + 1))
    if [ -e "$set_of.manifest.json" ]; then
        ok verifies -i vendor.key # it was whole
        rm -rf to
    else
        ok test $code != 0
        ok not verifies -i vendor.key
        ok test ! -e to/01234567_report.html
    fi
done
ok test $half -gt 2 # moments in the middle of the work
expect 0 handoff --split=1M
ok verifies -i vendor.key
ok test -z "$(find to -name ".$name*")"
rm -rf to
kill_at TERM 0.4
ok empty to
mkdir -p to
touch "${set_of}907" "to/.${name}001.dumpio-abcdef" "${set_of}s.txt" to/mine
expect 0 handoff --split=1M # parts without a manifest, files without a name
has err "2 files of a run that did not end"
ok test ! -e "${set_of}907"
ok test -e "${set_of}s.txt"
ok test -e to/mine
finish
