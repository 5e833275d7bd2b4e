#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The manuals: every tool has one with every option of its --help; no word of troff is wrong.
# Environment: DUMPIO_BIN (the tools; the manuals lie beside), DUMPIO_SCRATCH (a folder for files).
set -u
. "$(dirname "$0")/../cli/lib.sh"
man=$DUMPIO_BIN/../man

# as_text PAGE: the page as people read it, without formatting
as_text() {
    MANWIDTH=100 man --warnings=w -E ASCII -l "$1" 2>warnings | col -b
}

tools=$(dumpio --help | sed -n 's/^  \([a-z]*\) .*/dump\1/p')
ok test -n "$tools"
for tool in $tools; do
    ok test -f "$man/$tool.1"
    as_text "$man/$tool.1" >text
    ok test ! -s warnings
    "$tool" --help | grep -oE '^  +(-[A-Za-z]|--[a-z-]+)(, --[a-z-]+)?' |
        grep -oE '\-\-?[A-Za-z][a-z-]*' >options
    ok test "$(wc -l <options)" -gt 10
    while read -r option; do
        checks=$((checks + 1))
        grep -qE -- "^ +(-[A-Za-z], )?$option([ =[,]|$)" text || {
            failures=$((failures + 1))
            echo "FAILED: $tool(1) does not tell of $option"
        }
    done <options
    dumpio --help | grep -q "^  ${tool#dump} " && has text "EXIT STATUS"
    has text EXAMPLES
done

for page in "$man"/*.[1-8]; do
    as_text "$page" >text
    ok test ! -s warnings
    [ ! -s warnings ] || sed "s|^|${page##*/}: |" warnings
    if command -v mandoc >mandoc-is; then
        mandoc -Tlint -W warning "$page" >lint
        ok test ! -s lint
        [ ! -s lint ] || cat lint
    fi
    # Every page that is named is one of ours, or a tool's of others that is no page of ours.
    grep -oE '\b(dump|libdump)[a-z-]*\([1-8]\)' text | sort -u | while read -r named; do
        name=${named%(*} section=${named##*(}
        [ -f "$man/$name.${section%)}" ] || echo "${page##*/} names $named, which does not exist"
    done >dangling
    ok test ! -s dangling
    [ ! -s dangling ] || cat dangling
done
finish
