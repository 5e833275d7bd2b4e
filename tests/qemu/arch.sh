# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034
# Sourced by capture.sh: how each architecture is booted, and what its packages are called.
# Format reference: QEMU's and the kernel's documentation. Not handled: s390x, whose Debian kernel
# has no kdump.

arch_set() { # x86_64|arm64|ppc64le
    arch=$1 crash=128M
    case $arch in
        x86_64)
            deb_arch=amd64 triplet=x86_64-linux-gnu image=linux-image-cloud-amd64
            memory=384M console=ttyS0 package=qemu-system-x86
            qemu="qemu-system-x86_64 -M pc -cpu max,-la57"
            append="nr_cpus=1 irqpoll"
            ;;
        arm64)
            deb_arch=arm64 triplet=aarch64-linux-gnu image=linux-image-cloud-arm64
            memory=384M console=ttyAMA0 package=qemu-system-arm
            # kexec-tools cannot cope with a randomized physical offset of the linear map
            qemu="qemu-system-aarch64 -M virt,gic-version=3,dtb-randomness=off -cpu cortex-a72"
            append="nr_cpus=1"
            ;;
        ppc64le)
            deb_arch=ppc64el triplet=powerpc64le-linux-gnu image=linux-image-powerpc64le
            memory=512M console=hvc0 package=qemu-system-ppc
            qemu="qemu-system-ppc64 -M pseries -cpu power9"
            append="maxcpus=1"
            ;;
        *) return 1 ;;
    esac
}
