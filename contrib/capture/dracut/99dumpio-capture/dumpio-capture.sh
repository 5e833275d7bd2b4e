#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dracut hook (pre-pivot): in a capture kernel, save the dump on the root file system.
# Format reference: dracut.modules(7). Not handled: dumps to the network.
dumpio_capture() {
    FOLDER=/var/crash AFTER="reboot -f" AFTER_FAILURE="reboot -f"
    # shellcheck source=/dev/null
    [ ! -r /etc/dumpio/capture.conf ] || . /etc/dumpio/capture.conf
    code=1
    if mount -o remount,rw "${NEWROOT:-/sysroot}"; then
        dumpio-save /proc/vmcore "${NEWROOT:-/sysroot}$FOLDER"
        code=$?
        mount -o remount,ro "${NEWROOT:-/sysroot}"
    fi
    case $code in
        0 | 3) $AFTER ;;
        *)
            warn "dumpio-capture: the dump was NOT saved (exit status $code)"
            $AFTER_FAILURE
            ;;
    esac
}
# sourced by dracut: not a capture kernel, then nothing
[ ! -e /proc/vmcore ] || dumpio_capture
