#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dumphandoff: what it writes is the filtered dump for its recipient, by the age and zstd programs as
# well; what a killed run leaves proves nothing and is in nobody's way; the report tells the truth.
set -u
. "$(dirname "$0")/lib.sh"
zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o dump || exit 1
for who in vendor us other; do
    expect 0 dumpcrypt keygen -o $who.key
    grep -o 'age1[0-9a-z]*' $who.key >$who.pub
done
name=01234567_vmcore.elf.zst.age.part
set_of="to/$name"
handoff() { dumphandoff --no-sync -d 31 --encrypt-to=vendor.pub --case=01234567 "$@" dump to; }
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
expect 0 dumpfilter -q --no-sync -d 31 dump want.kdump
want=$(digest want.kdump)
expect 0 handoff --split=1M
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
ok not grep -rqaE 'OSRELEASE|DUMPIO|zstd"|elf"' to --include='*.json' --include='*part0*'
ok test -z "$(find to -name '.*' -type f)"

# ---- the report -------------------------------------------------------------------------------------
ok equal "$(fact recipient)" "$(cat vendor.pub)"
for part in "$set_of"0??; do
    has to/01234567_report.txt "$(sha256sum <"$part" | cut -d' ' -f1)"
    has to/01234567_report.html "$(sha256sum <"$part" | cut -d' ' -f1)"
    has to/01234567_report.txt "$(basename "$part")"
done
for kind in user free cache; do
    ok equal "$(fact $kind | awk '{ print $1 }')" 0
done
# pages sent are those that dumpfilter keeps
dumpfilter --dry-run --json -q -d 31 dump >dry.json 2>/dev/null
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
