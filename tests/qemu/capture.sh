#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A kernel panics in QEMU, and the collector works where it has to: in the capture kernel, with
# 128 MiB, on /proc/vmcore. What it leaves is judged outside, against a plain copy of /proc/vmcore.
# Format reference: the kernel's documentation of kdump. Not handled: architectures without kexec.
#
# usage: capture.sh [x86_64|arm64|ppc64le]...    (default: x86_64 arm64)
#   DUMPIO_BIN            folder of the built tools, which judge
#   DUMPIO_STATIC_<arch>  a static dumpio to collect with (default: one is built)
#   DUMPIO_SCRATCH        where packages and builds are kept (default: the user's cache folder)
#   DUMPIO_TEST_VMLINUX   for crash, when it is that of the x86_64 kernel
#   COLLECTOR             filter (default), or conv: collect without filtering
#   DUMPIO_TEST_KEEP      a folder to leave the collected files in
set -u
usage() { sed -n '/^# usage/,/^set/{/^#/s/^# \{0,1\}//p}' "$0"; exit 2; }
case "${1:-}" in -*) usage ;; esac
. "$(dirname "$0")/../interop/common.sh"
. "$here/arch.sh"
. "$here/packages.sh"
. "$here/collector.sh"
collect_with=${COLLECTOR:-filter}
memory_limit=$((64 * 1024)) # kB that the collector may take
register_lines=32            # lines of user memory that the registers of a task may hold
time_limit=600               # seconds of one guest, both kernels
PATH=$PATH:/usr/sbin:/sbin

need_tools dumpconv dumpinfo dumpverify
need_peers apt-get dpkg-deb depmod modprobe mkfs.ext4 debugfs cpio gzip zstd readelf
cache=${DUMPIO_SCRATCH:-${XDG_CACHE_HOME:-$HOME/.cache}/dumpio-tests}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
tmp=$(mktemp -d "$cache/capture.XXXXXX")
guest=
trap 'rm -rf "$tmp"; [ -z "$guest" ] || kill "$guest"' EXIT
trap 'exit 1' HUP INT TERM

# ---- the guest

modules() { # NAME...: files of the modules and of those they need, in the order to load them
    for module in "$@"; do
        modprobe -d "$system" -S "$release" --show-depends "$module" 2>/dev/null |
            awk '$1 == "insmod" { print $2 }'
    done | awk '!seen[$0]++'
}

# kexec with the libraries it is linked to, into FOLDER.
pack_kexec() { # FOLDER
    mkdir -p "$1"
    find "$system" -path '*bin/kexec' -type f -exec cp {} "$1/kexec" \;
    loader=$(find "$system" -type f '(' -name 'ld-linux*.so*' -o -name ld64.so.2 ')' | head -n 1)
    cp "$loader" "$1/ld.so" || return 1
    todo=$1/kexec
    while [ -n "$todo" ]; do
        next=
        for library in $(readelf -dW $todo | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u); do
            [ ! -e "$1/$library" ] || continue
            found=$(find "$system" -name "$library" | head -n 1)
            [ -n "$found" ] || { echo "no $library for kexec"; return 1; }
            cp -L "$found" "$1/$library"
            next="$next $1/$library"
        done
        todo=$next
    done
    echo "console=$console $append reset_devices panic=-1" >"$1/command-line"
}

jobs() { # what the capture kernel runs; a plain copy comes last, to compare with
    case $collect_with in
        filter)
            echo "collect vmcore dumpio filter -d 31 /proc/vmcore /out/vmcore"
            echo "stream vmcore.flat dumpio filter -l --message-level 7 -d 31 -F /proc/vmcore"
            ;;
        conv)
            echo "collect vmcore dumpio conv --to=kdump:zlib /proc/vmcore /out/vmcore"
            echo "stream vmcore.flat dumpio conv --to=kdump:lzo -F /proc/vmcore -"
            ;;
    esac
    echo "hook hooked"
    echo "hook failing"
    examples=$here/../../contrib/capture
    echo "example debian $(sed -n 's/^ExecStart=//p' "$examples/debian/kdump-tools-dump.conf" | tail -n 1)"
    echo "example rhel $(sed -n 's/^core_collector //p' "$examples/rhel/kdump.conf")" \
        "/proc/vmcore /var/crash/vmcore-incomplete"
    echo "example suse $(. "$examples/suse/kdump" && echo "$KDUMP_TRANSFER")"
    [ "$(dpkg --print-architecture)" != "$deb_arch" ] || echo "example dracut dracut"
    echo "collect vmcore.elf dd if=/proc/vmcore of=/out/vmcore.elf bs=1M"
}

# The example for initramfs-tools: its hook puts things into ROOT, as mkinitramfs would have it do.
pack_hook() { # ROOT
    example=$here/../../contrib/capture
    mkdir -p "$1/conf" "$1/scripts/local-bottom"
    tools=$system/usr/share/initramfs-tools
    sed "s|/usr/share/initramfs-tools|$tools|" "$example/initramfs-tools/hooks/dumpio-capture" \
        >"$tmp/hook"
    DESTDIR=$1 verbose=n DUMPIO_STATIC=$collector DUMPIO_SAVE=$example/dumpio-save \
        sh "$tmp/hook" || return 1
    cp "$example/initramfs-tools/scripts/local-bottom/dumpio-capture" "$1/scripts/local-bottom/"
    printf '%s\n' FOLDER=/hooked AFTER=: AFTER_FAILURE=: >"$1/conf/hooked"
    # a dump that may not be as large as it is: the collector fails, and there is no second try
    printf '%s\n' FOLDER=/failing AFTER=: AFTER_FAILURE=: FALLBACK= \
        'FILTER="-d 31 --max-size=1M"' >"$1/conf/failing"
}

# The example for dracut: its module is installed into ROOT by dracut's functions, which call a program
# of the guest's architecture: only where that is this machine's.
pack_dracut() { # ROOT
    [ "$(dpkg --print-architecture)" = "$deb_arch" ] || return 0
    apt_unpack "$system" dracut-core || return 1
    lib=$system/usr/lib/dracut
    DUMPIO_STATIC=$collector DUMPIO_SAVE=$here/../../contrib/capture/dumpio-save \
        bash -c 'set -- "$1" "$2" "$3"
            dracutbasedir=$1 initdir=$2 moddir=$3 DRACUT_INSTALL=$1/dracut-install
            . "$dracutbasedir/dracut-init.sh"
            . "$moddir/module-setup.sh"
            install' bash "$lib" "$1/dracut" "$here/../../contrib/capture/dracut/99dumpio-capture" ||
        return 1
    # what it installs, but programs and libraries, which busybox has
    hooks=lib/dracut/hooks/pre-pivot
    mkdir -p "$1/$hooks"
    cp "$1/dracut/$hooks"/* "$1/$hooks/" && cmp "$collector" "$1/dracut/bin/dumpio" &&
        cp "$lib/modules.d/99base/dracut-lib.sh" "$lib/modules.d/99base/dracut-dev-lib.sh" "$1/lib/" &&
        rm -rf "$1/dracut"
}

pack_guest() { # makes $tmp/kernel, $tmp/initrd and $tmp/disk; false with the reason on stdout
    system=$cache/system-$arch root=$tmp/root
    image=$(apt_resolve "$image")
    release=${image#linux-image-}
    # shellcheck disable=SC2046
    apt_unpack "$system" "$image" busybox-static kexec-tools initramfs-tools-core \
        $(apt_libraries kexec-tools) ||
        return 1
    [ -s "$system/lib/modules/$release/modules.dep" ] || depmod -b "$system" "$release" || return 1
    rm -rf "$root" "${tmp:?}/boot"
    mkdir -p "$root/bin" "$root/modules" "$root/dev" "$tmp/boot/boot"
    cp "$system/bin/busybox" "$root/bin/" && pack_hook "$root" || return 1
    mkdir -p "$root/usr/lib/dumpio"
    for file in dumpio dumpio-save; do # the hook for initramfs-tools has put them there
        cp "$(find "$root" -name "$file" -type f)" "$root/usr/lib/dumpio/" || return 1
    done
    pack_dracut "$root" || return 1
    install -m 755 "$here/init" "$root/init"
    jobs >"$root/jobs"
    for file in $(modules virtio_pci virtio_blk ext4 crc32c_generic); do
        name=${file##*/}
        case $file in
            *.xz) xz -dc "$file" >"$root/modules/${name%.xz}" ;;
            *) cp "$file" "$root/modules/" ;;
        esac
        echo "${name%.xz}"
    done >"$root/modules/order"
    pack_kexec "$root/kexec" || return 1
    (cd "$root" && find . | sort | cpio --quiet -o -H newc -R 0:0) | gzip -6n >"$tmp/initrd"
    cp "$system/boot/"vmlinu[xz]-"$release" "$tmp/kernel" || return 1
    cp "$tmp/kernel" "$tmp/boot/boot/kernel" && cp "$tmp/initrd" "$tmp/boot/boot/initrd" || return 1
    rm -f "$tmp/disk"
    truncate -s 1G "$tmp/disk" && mkfs.ext4 -q -F -d "$tmp/boot" "$tmp/disk"
}

run_guest() { # false when the capture did not come to its end
    : >"$tmp/console"
    timeout -k 5 "$time_limit" $qemu -accel tcg -m "$memory" -smp 1 -nodefaults -display none \
        -no-reboot -serial "file:$tmp/console" -kernel "$tmp/kernel" -initrd "$tmp/initrd" \
        -append "console=$console panic=-1 crashkernel=$crash" \
        -drive "if=none,id=disk,format=raw,cache=unsafe,file=$tmp/disk" \
        -device virtio-blk-pci,drive=disk </dev/null >"$tmp/qemu.out" 2>&1 &
    guest=$!
    wait "$guest"
    guest=
    grep -qa '^CAPTURE-DONE' "$tmp/console"
}

fetch() { # NAME...: files off the disk, into $tmp/out
    rm -rf "$tmp/out"
    mkdir "$tmp/out"
    for name in "$@"; do
        debugfs -R "dump /$name $tmp/out/$name" "$tmp/disk" >/dev/null 2>&1
    done
}

# ---- what it left

check() { # LABEL COMMAND...
    label="$arch: $1"
    shift
    if "$@"; then pass "$label"; else fail "$label"; fi
}

info() { "$DUMPIO_BIN/dumpinfo" "$@" 2>>"$tmp/info.err"; }

# Lines of user memory, or of the log, in the memory of a dump.
lines() { # DUMP TEXT
    "$DUMPIO_BIN/dumpconv" -q --to=elf "$1" - 2>/dev/null | tr -d '\0' | grep -ac "$2"
}

check_memory() { # NAME: of the collector
    status='' peak='' anon='' cs=''
    eval "$(cat "$tmp/out/$1.run")"
    check "$1: the collector's exit status is 0 (${status:-none})" [ "$status" = 0 ]
    echo "      $arch: $1: ${cs%??}.${cs#"${cs%??}"} s, private memory seen $anon kB"
    check "$1: peak memory $peak kB, program and all, is below $memory_limit kB" \
        [ "${peak:-0}" -gt 0 -a "${peak:-0}" -lt "$memory_limit" ]
}

check_dump() { # NAME: a dump beside the plain copy vmcore.elf
    dump=$tmp/out/$1
    check_memory "$1"
    "$DUMPIO_BIN/dumpverify" "$dump" >"$tmp/verify" 2>&1
    verdict=$?
    check "$1: dumpverify: $(last "$tmp/verify")" [ $verdict = 0 ]
    info "$dump" >"$tmp/info"
    check "$1: release $release" grep -qF "$release" "$tmp/info"
    check "$1: CRASHTIME within a minute of the panic" near_panic "$dump"
    info --dmesg "$dump" >"$tmp/dmesg"
    check "$1: the log has the panic" grep -q 'Kernel panic - not syncing: sysrq triggered crash' \
        "$tmp/dmesg"
    check "$1: the log has our line" grep -q 'CAPTURE-KERNEL-LINE' "$tmp/dmesg"
    [ "$collect_with" != filter ] || check_filtered "$1"
}

near_panic() { # DUMP
    crashtime=$(info --vmcoreinfo "$1" | sed -n 's/^CRASHTIME=//p')
    panicked=$(cat "$tmp/out/panic-time")
    [ -n "$crashtime" ] || return 1
    after=$((crashtime - panicked))
    [ $after -ge -1 ] && [ $after -le 60 ]
}

pages() { # DUMP: pages that it holds
    info "$1" | sed -n 's/^pages *\([0-9]*\) present.*/\1/p'
}

check_filtered() { # NAME
    size=$(stat -c %s "$dump" 2>/dev/null || echo 0) kept=$(pages "$dump")
    check "$1: $size bytes, less than half of $whole" \
        [ "$size" -gt 0 -a "$size" -lt $((whole / 2)) ]
    check "$1: ${kept:=0} pages, more than an eighth and less than half of $all" \
        [ "$kept" -gt $((all / 8)) -a "$kept" -lt $((all / 2)) ]
    check "$1: dump level 31 in the header" grep -qE '^dump level +31\b' "$tmp/info"
    # registers saved in the kernel's task structures may hold a few; a page would hold hundreds
    left=$(lines "$dump" 'CAPTURE-USER-SECRET')
    check "$1: $left lines of user memory left of $secrets" [ "$left" -lt "$register_lines" ]
}

check_same() { # the two collected files, and the pages of each in the plain copy
    plain=$("$DUMPIO_BIN/dumpverify" --digest "$tmp/out/vmcore.elf" | cut -d ' ' -f 1)
    one=$(digest_of "$tmp/out/vmcore")
    two=$(digest_of "$tmp/out/vmcore.flat")
    check "file and stream hold the same memory" [ -n "$one" -a "$one" = "$two" ]
    "$DUMPIO_BIN/dumpio" filter -d 31 "$tmp/out/vmcore.elf" "$tmp/out/outside" >"$tmp/filter" 2>&1
    filtered=$(digest_of "$tmp/out/outside")
    if [ "$collect_with" = conv ]; then
        check "the memory is that of /proc/vmcore" [ "$one" = "$plain" ]
        return
    fi
    check "a plain copy, filtered outside, is the same" [ "$filtered" = "$one" ]
}

check_hooks() {
    check "the example for initramfs-tools: saved" [ "$(cat "$tmp/out/hooked.code")" = 0 ]
    check "its status says $(cat "$tmp/out/hooked.status")" grep -qx saved "$tmp/out/hooked.status"
    check "its log of the kernel has the panic" \
        grep -q 'Kernel panic - not syncing: sysrq' "$tmp/out/hooked.dmesg.txt"
    check "its dump holds what filtering the plain copy outside gives" \
        [ "$(digest_of "$tmp/out/hooked.vmcore")" = "$filtered" ]
    check "a failing collector is seen as failed: exit status $(cat "$tmp/out/failing.code")" \
        [ "$(cat "$tmp/out/failing.code")" = 1 ]
    check "its status says $(cat "$tmp/out/failing.status")" \
        grep -q '^FAILED: exit status 1' "$tmp/out/failing.status"
    check "it leaves no dump behind" [ ! -s "$tmp/out/failing.vmcore" ]
    check "it says so on the console" grep -qa 'the dump was NOT saved' "$tmp/console"
}

check_examples() {
    for name in debian rhel suse dracut; do
        dump=vmcore said=
        [ "$name" != rhel ] || dump=vmcore-incomplete # kdump renames it at exit status 0
        [ "$name" != dracut ] || [ "$(dpkg --print-architecture)" = "$deb_arch" ] || continue
        check "the example for $name: exit status $(cat "$tmp/out/$name.code")" \
            [ "$(cat "$tmp/out/$name.code")" = 0 ]
        [ "$name" = rhel ] || said=$(cat "$tmp/out/$name.status")
        [ "$name" = rhel ] || check "its status says $said" [ "$said" = saved ]
        check "its dump holds what filtering the plain copy outside gives" \
            [ "$(digest_of "$tmp/out/$name.$dump")" = "$filtered" ]
    done
}

check_crash() { # NAME
    if [ -z "${DUMPIO_TEST_VMLINUX:-}" ] || ! command -v crash >/dev/null; then
        skip "$arch: $1 in crash: no crash, or DUMPIO_TEST_VMLINUX is not set"
        return
    fi
    if ! grep -qaF "Linux version $release " "$DUMPIO_TEST_VMLINUX"; then
        skip "$arch: $1 in crash: DUMPIO_TEST_VMLINUX is not of $release"
        return
    fi
    printf 'sys\nbt\nquit\n' >"$tmp/crash.in"
    timeout 300 crash -s "$DUMPIO_TEST_VMLINUX" "$tmp/out/$1" -i "$tmp/crash.in" \
        </dev/null >"$tmp/crash.out" 2>&1
    check "$1: crash names the panic" grep -q 'PANIC: .*sysrq' "$tmp/crash.out"
    check "$1: crash's stack has sysrq_handle_crash" grep -q 'sysrq_handle_crash' "$tmp/crash.out"
}

keep() { # FOLDER
    mkdir -p "$1" && cp "$tmp/out"/* "$tmp/console" "$1"
}

run_arch() {
    arch_set "$1" || usage
    if ! command -v "${qemu%% *}" >/dev/null; then
        skip "$arch: ${qemu%% *} is missing (package $package)"
        return
    fi
    apt_begin "$deb_arch" || { skip "$arch: no Debian archive for $deb_arch"; return; }
    collector_get
    case $? in
        1) skip "$arch: $reason"; return ;;
        2) fail "$arch: $reason"; return ;;
    esac
    pack_guest >"$tmp/pack" 2>&1 || { skip "$arch: guest: $(last "$tmp/pack")"; return; }
    echo "      $arch: $release, $memory, crashkernel=$crash, collector of" \
        "$(stat -c %s "$collector") bytes"
    began=$(date +%s)
    if ! run_guest; then
        fail "$arch: no capture in $(($(date +%s) - began)) s"
        tail -n 15 "$tmp/console" "$tmp/qemu.out" | tr -d '\r'
        return
    fi
    echo "      $arch: guest ran $(($(date +%s) - began)) s"
    fetch vmcore vmcore.flat vmcore.elf vmcore.run vmcore.flat.run size panic-time meminfo \
        hooked.code hooked.status hooked.vmcore hooked.dmesg.txt failing.code failing.status \
        failing.vmcore debian.code debian.status debian.vmcore suse.code suse.status suse.vmcore \
        dracut.code dracut.status dracut.vmcore rhel.code rhel.vmcore-incomplete
    whole=$(cat "$tmp/out/size")
    echo "      $arch: /proc/vmcore $whole bytes; capture kernel: $(head -n 1 "$tmp/out/meminfo")"
    check "/proc/vmcore was copied whole" [ "$(stat -c %s "$tmp/out/vmcore.elf")" = "$whole" ]
    secrets=$(lines "$tmp/out/vmcore.elf" 'CAPTURE-USER-SECRET')
    check "the plain copy has user memory ($secrets lines)" [ "$secrets" -gt 100000 ]
    all=$(pages "$tmp/out/vmcore.elf")
    check_dump vmcore
    check_dump vmcore.flat
    check_same
    check_hooks
    [ "$collect_with" != filter ] || check_examples
    check "the collector has less than 4 MiB" [ "$(stat -c %s "$collector")" -lt $((4 << 20)) ]
    [ "$arch" != x86_64 ] || check_crash vmcore
    [ -z "${DUMPIO_TEST_KEEP:-}" ] || keep "$DUMPIO_TEST_KEEP/$arch"
}

[ $# -gt 0 ] || set -- x86_64 arm64
for wanted in "$@"; do
    arch_set "$wanted" || usage
done
for wanted in "$@"; do
    run_arch "$wanted"
done
finish
