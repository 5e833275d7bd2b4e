#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# drgn, crash and gdb open the vmcore of a mounted LKCD dump in place, and see what they see in the
# original ELF.
# Format reference: none. Not handled: hosts where nothing may be mounted.
set -u
. "$(dirname "$0")/common.sh"
need_tools dumpconv dumpmount
need_vmlinux
[ -w /dev/fuse ] || skip_all "/dev/fuse cannot be opened here"
use_scratch
get_dump x86_64-6.1-kexec || skip_all "x86_64-6.1-kexec is not there"
convert lkcd --to=lkcd:gzip "$dump" "$tmp/in.lkcd.zst" || finish
mkdir "$tmp/m"
trap 'umount -l "$tmp/m" 2>/dev/null || fusermount3 -uz "$tmp/m" 2>/dev/null; rm -rf "$tmp"' EXIT
"$DUMPIO_BIN/dumpmount" -q "$tmp/in.lkcd.zst" "$tmp/m" 2>"$tmp/err" || skip_all "$(last "$tmp/err")"

# compare LABEL PATTERN COMMAND: the same of both, and the pattern in it; $at is the dump
compare() {
    for at in "$tmp/m/vmcore" "$dump"; do
        [ ! -e "$tmp/said" ] || mv "$tmp/said" "$tmp/wanted"
        eval "$3" </dev/null 2>/dev/null | grep -v "$at\|DATE\|CORE" >"$tmp/said"
    done
    if cmp -s "$tmp/wanted" "$tmp/said" && grep -q "$2" "$tmp/said"; then
        pass "$1: $(wc -l <"$tmp/said") lines"
    else
        fail "$1: $(diff "$tmp/wanted" "$tmp/said" | head -n 5)"
    fi
}

cat >"$tmp/tasks.py" <<'END'
import sys
import drgn
from drgn.helpers.linux.pid import for_each_task
p = drgn.Program()
p.set_core_dump(sys.argv[2])
p.load_debug_info([sys.argv[1]])
for t in for_each_task(p):
    print(t.pid.value_(), t.comm.string_().decode(), hex(t.value_()))
END
if "$python" -c 'import drgn' 2>/dev/null; then
    compare drgn kthreadd '"$python" -B "$tmp/tasks.py" "$vmlinux" "$at"'
else
    skip "no drgn"
fi
printf 'sys\nbt\nlog\nquit\n' >"$tmp/crash.in"
if command -v crash >/dev/null; then
    compare crash sysrq_handle_crash 'crash -s "$vmlinux" "$at" -i "$tmp/crash.in"'
else
    skip "no crash"
fi
if command -v gdb >/dev/null; then
    compare gdb '^#0 ' 'gdb -nx -batch -ex bt "$vmlinux" "$at"'
else
    skip "no gdb"
fi
finish
