# SPDX-License-Identifier: Apache-2.0
"""DISKDUMP files of Red Hat's diskdump: registers in the sub header, tasks in the main one.

Format reference: crash's diskdump.h and diskdump.c; the EL4 kernel's linux/diskdump.h.
Not handled: the raw dump partition; ia64's switch-stack pointers.
"""
import kdump
from arch import reg_block
from common import Dump, describe


class Plan:
    """Offsets of one DISKDUMP file."""

    def __init__(self, spec, pages, regs):
        block = spec.page_size
        self.sub_blocks = max(1, -(-len(regs) // block))
        one = max(1, -(-(-(-pages.max_mapnr // 8)) // block))
        self.bitmap_blocks = one if spec.get("bitmaps") == "single" else 2 * one
        self.bitmap1 = block * (1 + self.sub_blocks)
        self.bitmap2 = self.bitmap1 + (self.bitmap_blocks - one) * block
        self.desc_at = self.bitmap1 + self.bitmap_blocks * block
        self.data_at = self.desc_at + 24 * len(pages.dumpable)


def _tasks(spec):
    base = spec.arch.page_offset + 0x100000
    return [c["set"].get("task", base + 0x2000 * c["id"]) for c in spec.cpus]


def build(spec):
    spec.word = spec.int("layout", spec.arch.word)
    dump = Dump(spec, "diskdump", spec.int("version", 1))
    pages = kdump.Pages(spec)
    panic = spec.cpus[spec.int("current_cpu")]
    values, regs = reg_block(panic, spec.arch.regs, spec.word, spec.order)
    if spec.yes("zero-registers"):                       # a ppc64 kernel's bug
        regs, values = bytes(len(regs)), {k: 0 for k in values}
    plan = Plan(spec, pages, regs)
    store = kdump.Store(dump, pages, plan.desc_at, plan.data_at, len(pages.dumpable))
    for k, pfn in enumerate(pages.dumpable):
        store.add(k, pfn)
    status = 8 if store.codecs - {"none"} else 0
    status |= 1 if pages.lost else 0
    status = spec.int("status", status)
    image, tasks = dump.image, _tasks(spec)
    head = kdump.main_header(spec, pages, b"DISKDUMP", spec.int("version", 1), status,
                             len(spec.cpus), (plan.sub_blocks, plan.bitmap_blocks))
    raw_tasks = b"".join(t.to_bytes(spec.word // 8, spec.order) for t in tasks)
    image.write(0, bytes(head) + raw_tasks)
    image.write(spec.page_size, regs)
    two = plan.bitmap1 != plan.bitmap2
    kdump.write_bitmap(image, plan.bitmap1, pages.ram if two else [])
    kdump.write_bitmap(image, plan.bitmap2, pages.dumpable)
    dump.need = plan.desc_at
    dump.excluded = [pages.span(p) for p in pages.excluded] if two else []
    describe(dump, spec)
    dump.info.update(
        registers=[{"cpu": panic["id"], "raw": regs.hex(),
                    "regs": {k: "%#x" % v for k, v in values.items()}}],
        tasks=["%#x" % t for t in tasks], current_cpu=spec.int("current_cpu"),
        task="%#x" % tasks[spec.int("current_cpu")], nr_cpus=len(spec.cpus), status=status,
        max_mapnr=pages.max_mapnr, codecs=sorted(store.codecs))
    if status & 7:
        dump.info["complete"] = False
        dump.info["remarks"].append("incomplete")
    return dump
