#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# crash shows the same system, tasks, stacks and log from a converted dump as from the original.
# Format reference: none; the distribution's crash is the judge.
# Not handled: other architectures than x86_64, which crash does not open here.
set -u
. "$(dirname "$0")/common.sh"
need_tools dumpconv
need_peers crash zstd
need_vmlinux
use_scratch
name=${DUMPIO_TEST_CRASH_DUMP:-x86_64-6.1-kexec}
get_dump "$name" || skip_all "no dump $name"
original=$dump

offset=$(image field "$original" KERNELOFFSET)
base=$(image field "$original" 'NUMBER(phys_base)')
[ -n "$offset" ] && [ -n "$base" ] || skip_all "$name has no VMCOREINFO"
# crash wants phys_base in hexadecimal; it is negative when the kernel lies low
place="--kaslr=0x$offset -m phys_base=$(printf '0x%x' "$base")"

# What a run leaves in DIR: one file per command, and everything crash said in DIR/said.
view() { # DIR FILE [OPTION...]
    dir=$1 file=$2
    shift 2
    mkdir -p "$dir"
    for command in sys ps bt 'bt -a' log; do
        echo "$command > $dir/$(echo "$command" | tr -d ' -')"
    done >"$dir/input"
    echo quit >>"$dir/input"
    timeout 300 crash -s "$@" "$vmlinux" "$file" -i "$dir/input" \
        </dev/null >"$dir/said" 2>&1
    # the file's own name, and what crash adds behind it, are all that may differ
    [ -s "$dir/sys" ] && sed -i '/^ *DUMPFILE: /d' "$dir/sys"
}

same() { # LABEL DIR PART
    if [ ! -s "$2/$3" ]; then
        fail "$1: $3: crash gave nothing: $(last "$2/said")"
    elif cmp -s "$tmp/original/$3" "$2/$3"; then
        pass "$1: $3"
    else
        fail "$1: $3 differs:"
        diff "$tmp/original/$3" "$2/$3" | head -n 6
    fi
}

# True when this crash refuses CODEC: it says so, and a file of makedumpfile's meets the same words.
refuses() { # CODEC DIR
    refusal=$(grep -iE 'without|not supported|compression' "$2/said" | tail -n 1)
    [ -n "$refusal" ] || return 1
    peer=${DUMPIO_TEST_MAKEDUMPFILE:-makedumpfile}
    case $1 in
        zlib) option=-c ;; lzo) option=-l ;; snappy) option=-p ;; zstd) option=-z ;; *) return 1 ;;
    esac
    "$peer" --message-level 4 $option -d 0 "$original" "$tmp/peer" >/dev/null 2>&1 || return 1
    view "$2.peer" "$tmp/peer"
    rm -f "$tmp/peer"
    grep -qF "$refusal" "$2.peer/said"
}

compare() { # LABEL FORMAT PARTS [OPTION...]
    what=$1 format=$2 parts=$3
    shift 3
    out=$tmp/out.${format%%:*}
    convert "$what" "--to=$format" "$original" "$out" || return
    view "$tmp/view" "$out" "$@"
    if [ ! -s "$tmp/view/sys" ] && refuses "${format#*:}" "$tmp/view"; then
        skip "$what: this crash refuses it, and makedumpfile's too: $refusal"
    else
        for part in $parts; do
            same "$what" "$tmp/view" "$part"
        done
    fi
    rm -rf "$out" "$tmp/view" "$tmp/view.peer"
}

# LKCD has no VMCOREINFO and no notes: stacks are compared below the frame that took the registers.
compare_lkcd() { # LABEL FORMAT
    out=$tmp/out.lkcd
    convert "$1" "--to=$2" "$original" "$out" || return
    view "$tmp/view" "$out" $place
    for part in ps log; do
        same "$1" "$tmp/view" "$part"
    done
    # crash starts from the saved registers here, in the original from a frame that it finds on the
    # stack: the first frame's function is the same, its address is not
    sed -i '/ __crash_kexec at /,$!d; s/^ *#[0-9]* //; s/^.* __crash_kexec at .*/__crash_kexec/' \
        "$tmp/view/bt"
    cp "$tmp/original/bt" "$tmp/bt.whole"
    sed -i '/ __crash_kexec at /,$!d; s/^ *#[0-9]* //; s/^.* __crash_kexec at .*/__crash_kexec/' \
        "$tmp/original/bt"
    same "$1" "$tmp/view" bt
    mv "$tmp/bt.whole" "$tmp/original/bt"
    rm -rf "$out" "$tmp/view"
}

view "$tmp/original" "$original"
[ -s "$tmp/original/sys" ] && grep -q 'sysrq_handle_crash at' "$tmp/original/bt" ||
    skip_all "this crash does not open the original: $(last "$tmp/original/said")"

for codec in none zlib lzo snappy zstd; do
    compare "kdump:$codec" "kdump:$codec" 'sys ps bt bta log'
done
compare elf elf 'sys ps bt bta log'
compare netdump netdump 'sys ps bt bta log' $place
compare diskdump diskdump 'sys ps bt log' $place
for format in lkcd lkcd8; do
    for codec in raw rle gzip; do
        compare_lkcd "$format:$codec" "$format:$codec"
    done
done
finish
