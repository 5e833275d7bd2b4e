#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# gdb reads kernel variables and each CPU's registers from an ELF that dumpconv wrote.
# Format reference: none; the distribution's gdb is the judge, PRSTATUS is read by image.py.
# Not handled: threads whose PRSTATUS says process 0: gdb takes the first thread's registers there.
set -u
. "$(dirname "$0")/common.sh"
need_tools dumpconv
need_peers gdb zstd
need_vmlinux
use_scratch

view() { # FILE OFFSET THREADS
    set -- "$1" "$2" "$3" "$tmp/commands"
    {
        printf '%s\n' "core-file $1" "symbol-file -o 0x$2 $vmlinux" \
            'printf "panic_cpu=%d\n", panic_cpu.counter' \
            'printf "cmdline=%s\n", saved_command_line' \
            'printf "release=%s\n", init_uts_ns.name.release'
        for thread in $3; do
            echo "thread $thread"
            for register in rip rsp rbp rax rbx rcx rdx rsi rdi r8 r9 r10 r11 r12 r13 r14 r15; do
                printf '%s\n' "printf \"thread=$thread $register=%lx\\n\", \$$register"
            done
        done
    } >"$4"
    timeout 120 gdb -q -nx -batch -x "$4" 2>&1 | grep -E '^(panic_cpu|cmdline|release|thread)='
}

# "thread=N register=hex" of PRSTATUS number N, the registers that view prints
expect() { # FILE THREADS
    for thread in $2; do
        image prstatus "$1" | sed -n "${thread}p" | tr ' ' '\n' |
            grep -E '^(rip|rsp|rbp|r[a-d]x|r[sd]i|r[0-9]+)=' | sed "s/^/thread=$thread /"
    done | sort
}

check() { # NAME PANIC-CPU THREADS
    get_dump "$1" || { skip "$1: not there"; return; }
    convert "$1" --to=elf "$dump" "$tmp/out.elf" || return
    offset=$(image field "$dump" KERNELOFFSET)
    view "$tmp/out.elf" "$offset" "$3" >"$tmp/seen"
    grep -qx "panic_cpu=$2" "$tmp/seen" && pass "$1: panic_cpu" ||
        fail "$1: panic_cpu is not $2: $(grep panic_cpu "$tmp/seen")"
    grep -q '^cmdline=.*lab.mode=' "$tmp/seen" && pass "$1: saved_command_line" ||
        fail "$1: saved_command_line: $(grep cmdline "$tmp/seen")"
    release=$(image field "$dump" OSRELEASE)
    grep -qxF "release=$release" "$tmp/seen" && pass "$1: init_uts_ns" ||
        fail "$1: init_uts_ns is not $release: $(grep release "$tmp/seen")"
    expect "$dump" "$3" >"$tmp/wanted"
    grep '^thread=' "$tmp/seen" | sort >"$tmp/registers"
    if [ -s "$tmp/wanted" ] && cmp -s "$tmp/wanted" "$tmp/registers"; then
        pass "$1: registers of threads $3"
    else
        fail "$1: registers differ from PRSTATUS:"
        diff "$tmp/wanted" "$tmp/registers" | head -n 6
    fi
    rm -f "$tmp/out.elf"
}

check x86_64-6.1-kexec 0 1
check x86_64-6.1-qemu -1 '1 2'
finish
