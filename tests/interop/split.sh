#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# crash opens the parts that dumpsplit made, makedumpfile --reassemble joins them, sha256sum checks
# them, and dumpmerge joins makedumpfile's, flattened parts too.
# Format reference: none; the programs are the judges, image.py reads what was joined.
# Not handled: other architectures than x86_64, which makedumpfile and crash do not open here.
set -u
. "$(dirname "$0")/common.sh"
need_tools dumpconv dumpsplit dumpmerge dumpverify
need_peers makedumpfile zstd sha256sum
use_scratch
name=${DUMPIO_TEST_CRASH_DUMP:-x86_64-6.1-kexec}
get_dump "$name" || skip_all "no dump $name"
original=$dump
vmlinux=${DUMPIO_TEST_VMLINUX:-}

is() { # LABEL WANTED SEEN
    if [ -n "$2" ] && [ "$2" = "$3" ]; then
        pass "$1"
    else
        fail "$1: '$3', not '$2'"
    fi
}

ours() { # TOOL ARGUMENT...
    tool=$1
    shift
    "$DUMPIO_BIN/$tool" -q --no-sync "$@" 2>"$tmp/ours.err" ||
        { fail "$tool $*: $(tail -n 1 "$tmp/ours.err")"; return 1; }
}

# A file as a stream of makedumpfile -F: it does not make one of the parts of a set itself.
flatten() { # FILE OUT
    "$python" - "$1" "$2" <<'END'
import struct, sys
with open(sys.argv[1], "rb") as f, open(sys.argv[2], "wb") as out:
    out.write(struct.pack(">16sQQ", b"makedumpfile", 1, 1).ljust(4096, b"\0"))
    at = 0
    while block := f.read(70000):
        out.write(struct.pack(">qq", at, len(block)) + block)
        at += len(block)
    out.write(struct.pack(">qq", -1, -1))
END
}

view() { # DIR FILE...
    dir=$1
    shift
    mkdir -p "$dir"
    for command in sys ps bt log; do
        echo "$command > $dir/$command"
    done >"$dir/input"
    echo quit >>"$dir/input"
    timeout 300 crash -s "$vmlinux" "$@" -i "$dir/input" </dev/null >"$dir/said" 2>&1
    [ -s "$dir/sys" ] && sed -i '/^ *DUMPFILES*: /,/^ *CPUS: /{/CPUS/!d}' "$dir/sys"
}

crash_opens() { # LABEL PART...
    seen_as=$1
    shift
    view "$tmp/view" "$@"
    for part in sys ps bt log; do
        if [ -s "$tmp/view/$part" ] && cmp -s "$tmp/whole/$part" "$tmp/view/$part"; then
            pass "crash: $seen_as: $part"
        else
            fail "crash: $seen_as: $part differs or is empty: $(last "$tmp/view/said")"
        fi
    done
    rm -rf "$tmp/view"
}

# Every page of the dump that was split, after makedumpfile joined the parts.
makedumpfile_joins() { # LABEL PART...
    joining="$version --reassemble: $1"
    shift
    timeout 300 "$peer" --message-level 4 -f --reassemble "$@" "$tmp/joined" >"$tmp/peer.out" \
        2>"$tmp/peer.err" || { fail "$joining: $(tail -n 1 "$tmp/peer.err")"; return; }
    is "$joining" "$whole" "$(image pages "$tmp/joined")"
    rm -f "$tmp/joined"
}

each_peer() { # FUNCTION ARGUMENT...
    seen=
    for peer in makedumpfile "${DUMPIO_TEST_MAKEDUMPFILE:-}"; do
        [ -n "$peer" ] && command -v "$peer" >/dev/null || continue
        version="makedumpfile $("$peer" -v 2>/dev/null | sed -n 's/^makedumpfile: version //p' |
            cut -d ' ' -f 1)"
        case "$seen" in *"<$version>"*) continue ;; esac
        seen="$seen<$version>"
        "$@"
    done
}

check_our_set() { # CODEC, an option that says how to split
    label="kdump:$1 $2"
    ours dumpsplit --by=memory "--to=kdump:$1" "$2" "$original" "$tmp/p" || return
    (cd "$tmp" && sha256sum -c --quiet p.sha256) && pass "sha256sum -c: $label" ||
        fail "sha256sum -c: $label"
    each_peer makedumpfile_joins "$label" "$tmp"/p0*
    [ ! -d "$tmp/whole" ] || crash_opens "$label" "$tmp"/p0*
    ours dumpmerge "$tmp"/p0* "$tmp/merged" &&
        is "dumpmerge: $label" "$whole" "$(image pages "$tmp/merged")"
    rm -f "$tmp"/p[0.]* "$tmp/merged"
}

# The single file that makedumpfile writes is what its set has to become: both lack frames that the
# original holds in part only.
we_join_theirs() { # OPTION...
    label="dumpmerge: $version $*"
    run="timeout 300 $peer --message-level 4 -f"
    $run "$@" "$original" "$tmp/one" >"$tmp/peer.out" 2>"$tmp/peer.err" &&
        $run --split --splitblock-size 4096 "$@" "$original" "$tmp/t1" "$tmp/t2" "$tmp/t3" \
            >"$tmp/peer.out" 2>"$tmp/peer.err" ||
        { skip "$label: $(tail -n 1 "$tmp/peer.err")"; return; }
    wanted=$(image pages "$tmp/one")
    ours dumpmerge "$tmp/t3" "$tmp/t1" "$tmp/t2" "$tmp/merged" &&
        is "$label" "$wanted" "$(image pages "$tmp/merged")"
    for i in 1 2 3; do
        flatten "$tmp/t$i" "$tmp/f$i"
    done
    ours dumpmerge -f "$tmp/f2" "$tmp/f3" "$tmp/f1" "$tmp/merged" &&
        is "$label, flattened" "$wanted" "$(image pages "$tmp/merged")"
    if "$DUMPIO_BIN/dumpmerge" -q -f "$tmp/t1" "$tmp/t3" "$tmp/merged" 2>"$tmp/ours.err"; then
        fail "$label, without the second: exit 0"
    else
        pass "$label, without the second: $(tail -n 1 "$tmp/ours.err")"
    fi
    rm -f "$tmp"/[tf]? "$tmp/one" "$tmp/merged"
}

whole=$(image pages "$original")
if [ -r "$vmlinux" ] && command -v crash >/dev/null; then
    view "$tmp/whole" "$original"
    [ -s "$tmp/whole/sys" ] || { skip "crash does not open the original"; rm -rf "$tmp/whole"; }
else
    skip "crash: DUMPIO_TEST_VMLINUX is not set, or crash not installed"
fi
check_our_set zlib --parts=3
check_our_set none --parts=64
check_our_set zlib --size=6M
for level in 0 1 31; do
    each_peer we_join_theirs -c -d "$level"
done
finish
