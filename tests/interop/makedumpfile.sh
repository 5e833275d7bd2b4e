#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# makedumpfile filters what dumpconv wrote, restores its flattened stream, and is read back by us.
# Format reference: none; makedumpfile is the judge, image.py reads what both wrote.
# Not handled: dumps that makedumpfile refuses in the original (QEMU's ELF, other architectures).
set -u
. "$(dirname "$0")/common.sh"
need_tools dumpconv dumpverify
need_peers zstd
use_scratch
name=x86_64-6.1-kexec
get_dump "$name" || skip_all "no dump $name"
original=$dump

# its progress goes to stderr whatever the message level; -R never ends on a stream that ends early
run() { timeout 300 "$peer" --message-level 4 -f "$@" >"$tmp/peer.out" 2>"$tmp/peer.err"; }

is() { # LABEL WANTED SEEN
    if [ -n "$2" ] && [ "$2" = "$3" ]; then
        pass "$1"
    else
        fail "$1: '$3', not '$2'"
    fi
}

# Pages that it keeps of FILE at level 31: what they are, and how many.
kept() { # FILE
    # it drops a frame that an ELF core holds in part, and keeps it where KDUMP holds it whole
    run -d 31 "$1" "$tmp/kept" && image pages-without-halves-of "$original" "$tmp/kept"
    rm -f "$tmp/kept"
}

filters_ours() {
    wanted=$(kept "$original")
    [ -n "$wanted" ] || { skip "$version: it does not filter the original"; return; }
    for format in elf kdump:none kdump:zlib kdump:lzo kdump:snappy kdump:zstd; do
        convert "$version filters $format" "--to=$format" "$original" "$tmp/ours" || continue
        if ! "$peer" -v 2>/dev/null | grep -q "^${format#kdump:}[[:space:]]*disabled"; then
            is "$version filters $format: ${wanted#* } pages" "$wanted" "$(kept "$tmp/ours")"
        else
            skip "$version filters $format: it was built without it"
        fi
        rm -f "$tmp/ours"
    done
}

restores_our_stream() {
    whole=$(image pages "$original")
    for codec in none zlib; do
        label="$version -R restores kdump:$codec"
        "$DUMPIO_BIN/dumpconv" -q "--to=kdump:$codec" "$original" - >"$tmp/flat" \
            2>"$tmp/convert.err" || { fail "$label: $(tail -n 1 "$tmp/convert.err")"; continue; }
        run -R "$tmp/restored" <"$tmp/flat" || fail "$label: $(tail -n 1 "$tmp/peer.err")"
        rm -f "$tmp/flat"
        is "$label: every page" "$whole" "$(image pages "$tmp/restored")"
        is "$label: image digest" "$(digest_of "$original")" "$(digest_of "$tmp/restored")"
        "$DUMPIO_BIN/dumpconv" -q -f "--to=kdump:$codec" "$original" "$tmp/file" &&
            cmp -s "$tmp/file" "$tmp/restored" && pass "$label: same bytes as to a file" ||
            fail "$label: the stream and the file differ"
        rm -f "$tmp/restored" "$tmp/file"
    done
}

# What it writes, we read: the digest is that of the same pages by image.py.
is_read() { # LABEL OPTION...
    label=$1
    shift
    run "$@" "$original" "$tmp/theirs" || { skip "$label: $(tail -n 1 "$tmp/peer.err")"; return; }
    is "$label" "$(image digest "$tmp/theirs" | cut -d ' ' -f 1)" "$(digest_of "$tmp/theirs")"
    rm -f "$tmp/theirs"
}

is_read_by_us() {
    for level in 0 1 31; do
        is_read "we read $version -d $level, raw" -d $level
        is_read "we read $version -d $level, ELF" -E -d $level
    done
    for codec in zlib:-c lzo:-l snappy:-p zstd:-z; do
        if "$peer" -v 2>/dev/null | grep -q "^${codec%:*}[[:space:]]*disabled"; then
            skip "we read $version ${codec%:*}: it was built without it"
        else
            is_read "we read $version ${codec%:*}" "${codec#*:}" -d 31
        fi
    done
    run -d 31 "$original" "$tmp/plain" || return
    wanted=$(image digest "$tmp/plain" | cut -d ' ' -f 1)
    "$peer" -F -c -d 31 "$original" 2>"$tmp/peer.err" >"$tmp/flat"
    is "we read $version -F, flattened" "$wanted" "$(digest_of "$tmp/flat")"
    piped=$("$DUMPIO_BIN/dumpconv" -q --to=kdump:none - - <"$tmp/flat" |
        "$DUMPIO_BIN/dumpverify" --digest - | cut -d ' ' -f 1)
    is "we read $version -F through a pipe" "$wanted" "$piped"
    if run --split --splitblock-size 4096 -c -d 31 "$original" \
        "$tmp/part1" "$tmp/part2" "$tmp/part3"; then
        convert "we join $version --split" --to=kdump "$tmp/part3" "$tmp/part1" "$tmp/part2" \
            "$tmp/joined" &&
            is "we join $version --split" "$wanted" "$(digest_of "$tmp/joined")"
    else
        skip "$version --split: $(tail -n 1 "$tmp/peer.err")"
    fi
    rm -f "$tmp"/p* "$tmp/flat" "$tmp/joined"
}

seen=
for peer in makedumpfile "${DUMPIO_TEST_MAKEDUMPFILE:-}"; do
    [ -n "$peer" ] || { skip "a second one: DUMPIO_TEST_MAKEDUMPFILE is not set"; continue; }
    command -v "$peer" >/dev/null || { skip "$peer is not installed"; continue; }
    version="makedumpfile $("$peer" -v 2>/dev/null | sed -n 's/^makedumpfile: version //p' |
        cut -d ' ' -f 1)"
    case "$seen" in *"<$version>"*) continue ;; esac
    seen="$seen<$version>"
    filters_ours
    restores_our_stream
    is_read_by_us
done
finish
