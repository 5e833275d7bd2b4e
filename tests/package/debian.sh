#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The Debian packages: built by dpkg-buildpackage, clean for lintian, installed into a fresh system,
# used there and removed without a trace. As root, with Debian's archive in reach; takes minutes.
# Environment: DUMPIO_SCRATCH (a folder, 1 GiB), DUMPIO_BIN; DUMPIO_TEST_DEBIAN (a debootstrap tree
# of the building system's release, copied; made when not given).
set -u
. "$(dirname "$0")/../cli/lib.sh"
source=$(cd "$here/../.." && pwd)
for tool in dpkg-buildpackage dh lintian debootstrap; do
    command -v $tool >/dev/null || { echo "SKIPPED: $tool is not installed"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "SKIPPED: debootstrap and chroot need root"; exit 77; }

fatal() {
    echo "FAILED: $*"
    tail -15 out err
    exit 1
}

# ---- build -----------------------------------------------------------------------------------
mkdir build
(cd "$source" && find . \( -name .git -o -path ./build -o -path ./tests/fuzz/corpus \) -prune -o \
    ! -type d -print0 | tar --null -T - -cf -) | tar -xf - -C build
expect 0 sh -c 'cd build && exec dpkg-buildpackage -us -uc -b'
packages="dumpio libdumpio1 libdumpio-dev python3-dumpio"
for package in $packages; do
    ls "${package}"_*.deb >/dev/null 2>&1 || fatal "no package $package"
done
expect 0 lintian --allow-root --fail-on error,warning --info ./*.changes
cat out

# ---- a fresh system -----------------------------------------------------------------------------
if [ -n "${DUMPIO_TEST_DEBIAN:-}" ]; then
    cp -ax "$DUMPIO_TEST_DEBIAN" root || exit 1
else
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    expect 0 debootstrap --variant=minbase "$codename" root
    cp -a /etc/apt/. root/etc/apt/
fi
cp -L /etc/resolv.conf root/etc/resolv.conf
inside() {
    chroot root env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"
}
snapshot() { # every file, and every package; what apt and dpkg keep for themselves is not looked at
    (cd root && find . \( -path ./proc -o -path ./sys -o -path ./var/cache -o -path ./var/log -o \
        -path ./var/lib/apt -o -path ./var/lib/dpkg -o -path ./tmp -o -path ./run \) -prune -o -print | sort)
}
expect 0 inside apt-get update
# What they depend on stays: the trace looked for is theirs.
needs=$(for package in $packages; do dpkg-deb -f ${package}_*.deb Depends; done | tr ',' '\n' |
    awk '{print $1}' | grep -v dumpio | sort -u)
# shellcheck disable=SC2086
expect 0 inside apt-get install -y --no-install-recommends gcc libc6-dev pkgconf $needs
snapshot >before
mkdir root/packages && cp ./*.deb root/packages/ && rm root/packages/*dbgsym*
expect 0 inside sh -c 'dpkg -i /packages/*.deb'

# ---- used there ---------------------------------------------------------------------------------
zstd -q -d -f --long=27 "$here/../data/vmcore-x86_64-6.1.kdump.zst" -o root/packages/vmcore
cp "$here/../package/consumer/pages.c" root/packages/
expect 0 inside dumpconv --to=kdump:zstd /packages/vmcore /packages/small.kdump
expect 0 inside dumpverify --digest /packages/small.kdump
has out eba94087042591b28e087e630b5e59c4b1795f4524b922509c8a63a63f77be7c
expect 0 inside sh -c 'cc -o /packages/pages /packages/pages.c $(pkg-config --cflags --libs dumpio)'
expect 0 inside /packages/pages /packages/vmcore
has out 68956160
expect 0 inside bash -c '. /usr/share/bash-completion/completions/dumpio && complete -p dumpconv'
has out _dumpio
expect 0 inside python3 -c 'import dumpio; print(dumpio.open("/packages/vmcore").info.format)'
has out kdump
# shellcheck disable=SC2086
expect 0 inside dpkg --verify $packages
ok test ! -s out

# ---- and removed ----------------------------------------------------------------------------------
# shellcheck disable=SC2086
expect 0 inside dpkg --purge $packages
rm -r root/packages
snapshot >after
ok cmp -s before after
diff before after | head
expect 1 inside dpkg -s dumpio
cd "$here" && rm -rf "$DUMPIO_SCRATCH"
finish
