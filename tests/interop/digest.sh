#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every real dump has the image digest that was computed for it by other means.
# Format reference: the project's definition of the digest; IMAGE-DIGESTS lists "HEX  NAME".
# Not handled: dumps without a line in IMAGE-DIGESTS; they are reported.
set -u
. "$(dirname "$0")/common.sh"
need_tools dumpverify
need_peers zstd
use_scratch
list=$DUMPIO_TEST_DUMPS/IMAGE-DIGESTS
[ -r "$list" ] || skip_all "$list is missing"

while read -r wanted name; do
    get_dump "$name" || { skip "$name: not there"; continue; }
    seen=$(digest_of "$dump")
    if [ "$seen" = "$wanted" ]; then
        pass "$name: $seen"
    else
        fail "$name: '$seen', not $wanted"
    fi
done <"$list"

for packed in "$DUMPIO_TEST_DUMPS"/*/vmcore.elf.zst; do
    name=$(basename "$(dirname "$packed")")
    grep -q "  $name\$" "$list" || skip "$name: no digest is known for it"
done
finish
