#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dracut module: the collector in the initramfs of the capture kernel, run before the root is used.
# Format reference: dracut.modules(7). Not handled: dumps to the network.
# Installed as /usr/lib/dracut/modules.d/99dumpio-capture; wanted with --add dumpio-capture.
# shellcheck disable=SC2154
check() {
    require_binaries "${DUMPIO_STATIC:-/usr/lib/dumpio/dumpio}" \
        "${DUMPIO_SAVE:-/usr/lib/dumpio/dumpio-save}" || return 1
    return 255 # only when asked for
}

depends() {
    echo base
}

install() {
    inst_simple "${DUMPIO_STATIC:-/usr/lib/dumpio/dumpio}" /bin/dumpio
    inst_simple "${DUMPIO_SAVE:-/usr/lib/dumpio/dumpio-save}" /bin/dumpio-save
    [ ! -e /etc/dumpio/capture.conf ] || inst_simple /etc/dumpio/capture.conf
    inst_multiple date mkdir mount rm sync
    inst_hook pre-pivot 90 "$moddir/dumpio-capture.sh"
}
