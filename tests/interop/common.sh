# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Sourced by the interop tests: where tools and dumps are, and how a check is counted.
# Format reference: none; README.md lists the environment. Not handled: more than one vmlinux.

here=$(cd "$(dirname "$0")" && pwd)
self=$(basename "$0")
python=${DUMPIO_TEST_PYTHON:-/usr/bin/python3}
passed=0 failed=0 skipped=0

last() { grep -v '^ *$' "$@" | tail -n 1; } # [FILE]: the last line that says something
pass() { passed=$((passed + 1)); echo "ok    $*"; }
fail() { failed=$((failed + 1)); echo "FAIL  $*"; }
skip() { skipped=$((skipped + 1)); echo "skip  $*"; }
skip_all() { echo "skip  $self: $*"; exit 77; }

# Ends the test: 1 when a check failed, 77 when none could be made.
finish() {
    echo "$self: $passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ] || exit 1
    [ "$passed" -gt 0 ] || exit 77
    exit 0
}

need_tools() { # NAME...: ours
    [ -n "${DUMPIO_BIN:-}" ] || skip_all "DUMPIO_BIN is not set"
    for tool in "$@"; do
        [ -x "$DUMPIO_BIN/$tool" ] || skip_all "$DUMPIO_BIN/$tool is missing"
    done
}

need_peers() { # PROGRAM...
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip_all "$tool is not installed"
    done
}

need_vmlinux() {
    vmlinux=${DUMPIO_TEST_VMLINUX:-}
    [ -n "$vmlinux" ] || skip_all "DUMPIO_TEST_VMLINUX is not set"
    [ -r "$vmlinux" ] || skip_all "$vmlinux is missing"
}

image() { "$python" -B "$here/image.py" "$@"; }
digest_of() { "$DUMPIO_BIN/dumpverify" --digest "$1" | cut -d ' ' -f 1; }

# Sets $tmp (removed at exit) and $store, the unpacked dumps, which the tests share.
use_scratch() {
    [ -n "${DUMPIO_TEST_DUMPS:-}" ] || skip_all "DUMPIO_TEST_DUMPS is not set"
    scratch=${DUMPIO_SCRATCH:-${TMPDIR:-/tmp}/dumpio-interop}
    store=$scratch/dumps
    mkdir -p "$store"
    tmp=$(mktemp -d "$scratch/${self%.*}.XXXXXX")
    trap 'rm -rf "$tmp"' EXIT
    trap 'exit 1' HUP INT TERM
}

# Sets $dump to the unpacked dump NAME; false when there is none.
get_dump() { # NAME
    dump=${DUMPIO_TEST_UNPACKED:-$store}/$1.elf
    [ ! -s "$dump" ] || return 0
    dump=$store/$1.elf
    [ ! -s "$dump" ] || return 0
    packed=$DUMPIO_TEST_DUMPS/$1/vmcore.elf.zst
    [ -r "$packed" ] || return 1
    zstd -q -d --long=29 -c "$packed" >"$dump.$$" || { rm -f "$dump.$$"; return 1; }
    mv "$dump.$$" "$dump"
}

# One conversion; a failed one is a failed check, with what the tool said.
convert() { # LABEL ARGUMENT...
    conversion=$1
    shift
    if "$DUMPIO_BIN/dumpconv" -q -f "$@" 2>"$tmp/convert.err"; then
        return 0
    fi
    fail "$conversion: dumpconv $*: $(tail -n 1 "$tmp/convert.err")"
    return 1
}
