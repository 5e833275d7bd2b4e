# SPDX-License-Identifier: Apache-2.0
"""What the pages of an old kernel are used for: struct pages, zones, free lists, log, contents.

Format reference: include/linux/{page-flags,mm,mmzone}.h, mm/page_alloc.c and kernel/printk.c of
2.6.9 and 2.6.18: flag numbers, compound pages, free blocks, lists of freed pages per processor.
Not handled: swap files, file systems: owners of pages are addresses of slab objects.
"""
import random
import struct

from machine import FRAME, LOW_END, MIB

FLAGS_2_6_9 = {"referenced": 2, "uptodate": 3, "dirty": 4, "lru": 5, "active": 6, "slab": 7,
               "checked": 9, "arch_1": 10, "reserved": 11, "private": 12, "writeback": 13,
               "compound": 15, "swapcache": 16, "mappedtodisk": 17, "reclaim": 18}
FLAGS_2_6_18 = {"referenced": 2, "uptodate": 3, "dirty": 4, "lru": 5, "active": 6, "slab": 7,
                "checked": 8, "arch_1": 9, "reserved": 10, "private": 11, "writeback": 12,
                "compound": 14, "swapcache": 15, "mappedtodisk": 16, "reclaim": 17, "buddy": 19}
POISON = (0x00100100, 0x00200200)          # of entries taken off a list
ORDERS = 11

# kind: (how many of 100 used pages, class, whether high memory may hold it)
KINDS = {
    "slab": (14, "kernel", False), "reserved": (2, "kernel", False),
    "plain": (16, "kernel", True), "private_only": (2, "kernel", True),
    "isolated": (3, "kernel", True),                        # a cache page off the lists
    "cache": (20, "cache", True), "swapcache": (3, "cache", True),
    "swapcache_off": (2, "cache", True),                    # the same, on no list
    "cache_private": (9, "private", True),
    "anon": (20, "user", True), "anon_swap": (4, "user", True), "anon_off": (2, "user", True),
    "hot": (3, "parked", True),                             # freed, on a processor's list
}
TAGS = {"kernel": b"KERNEL", "cache": b"CACHE", "private": b"CACHE", "user": b"USERSECRET",
        "free": b"FREED", "parked": b"PARKED"}


class Page:
    """Members of a struct page; count is the number of holders."""

    def __init__(self, kind, class_, count=0):
        self.kind, self.class_, self.count = kind, class_, count
        self.flags, self.mapcount, self.private, self.mapping, self.index = 0, -1, 0, 0, 0
        self.links = POISON


class Pages:
    """Fills a machine. truth: frame -> class, of every frame with a struct page; log: text."""

    def __init__(self, machine, seed=1):
        self.m, self.config = machine, machine.config
        self.rng = random.Random("%s %d" % (machine.config.name, seed))
        self.bits = FLAGS_2_6_9 if self.config.old else FLAGS_2_6_18
        self.pages, self.lru = {}, {}
        self.parked, self.blocks = {}, {}
        self._reserve()
        self._objects()
        self._high_orders()
        self._singles()
        self._free()
        self._lists()
        self._records()
        self._nodes()
        self._variables()
        self._log()
        self._contents()
        self.truth = {p: page.class_ for p, page in self.pages.items()}

    def flag(self, page, *names):
        for name in names:
            page.flags |= 1 << self.bits[name]

    # ---- who has what -----------------------------------------------------------------------

    def _reserve(self):
        for node in self.m.nodes:
            for pfn in range(node.start, node.end):
                if pfn in self.m.reserved or not self.m.is_ram(pfn):
                    self.pages[pfn] = page = Page("boot", "kernel", 1)
                    self.flag(page, "reserved")

    def _objects(self):
        """Slab pages whose objects are the owners of other pages."""
        self.objects = []
        for i in range(4):
            pfn = 0x400 + 3 * i
            self.pages[pfn] = self._single("slab", pfn)
            self.objects += [self.m.direct(pfn) + off for off in range(0, FRAME, 64)]
        self.pagesets = self.m.direct(0x400) if not self.config.old and self.config.numa else None
        self.owners = self.objects[64:]

    def _place(self, order, low, high):
        """First frame of a free aligned block."""
        size = 1 << order
        for _ in range(1000):
            at = self.rng.randrange(low // size, high // size) * size
            if all(p not in self.pages for p in range(at, at + size)) and \
                    all(self.m.node_of(p) for p in (at, at + size - 1)):
                return at
        raise RuntimeError("no room for order %d" % order)

    def _high_orders(self):
        huge = 10 if self.config.word == 4 and not self.config.pae else 9
        at = 40 * MIB if self.config.numa else 28 * MIB
        self._compound(at, huge, True)
        low, high = 0x500, LOW_END
        for order in (1, 1, 2, 2, 3, 3, 4, 5):
            self._compound(self._place(order, low, high), order, False)
        for order in (1, 2, 3):                             # no compound: later pages look unused
            for _ in range(4):
                at = self._place(order, low, high)
                for p in range(at, at + (1 << order)):
                    self.pages[p] = Page("later", "kernel", 1 if p == at else 0)
        for order in (1, 2):                                # every page of a slab is marked
            at = self._place(order, low, high)
            for p in range(at, at + (1 << order)):
                self.pages[p] = self._single("slab", p)

    def _compound(self, at, order, huge):
        """To 2.6.21 all members are marked alike, and point to the first one."""
        class_ = "user" if huge and not self.config.old else "kernel"
        for p in range(at, at + (1 << order)):
            self.pages[p] = page = Page("compound", class_, 1 if p == at else 0)
            self.flag(page, "compound")
            page.private = self.m.record(at)
        dtor = self.m.vmlinux["free_huge_page"] if huge else 0
        second = self.pages[at + 1]
        if self.config.old:
            second.index, second.mapping = order, dtor
        else:
            second.links = (dtor or self.m.vmlinux["_stext"] + 0x40, order)
        if huge:
            self.pages[at].mapping = self.owners[7]
            self.flag(self.pages[at], "uptodate", "active" if self.config.old else "dirty")

    def _singles(self):
        """Stretches of 64 frames, some crowded and some nearly free; a few MiB quite free."""
        spare = range(36 * MIB, 40 * MIB) if self.config.numa else range(24 * MIB, 28 * MIB)
        names = list(KINDS)
        weights = [KINDS[k][0] for k in names]
        for node in self.m.nodes:
            for pfn in range(node.start, node.end):
                if pfn % 64 == 0 or pfn == node.start:
                    density = self.rng.choice((0.0, 0.05, 0.3, 0.6, 0.97, 1.0))
                if pfn in self.pages or pfn in spare or self.rng.random() >= density:
                    continue
                kind = self.rng.choices(names, weights)[0]
                if pfn >= self.m.low_end and not KINDS[kind][2]:
                    kind = "anon"
                self.pages[pfn] = self._single(kind, pfn)

    def _single(self, kind, pfn):
        page, rng = Page(kind, KINDS[kind][1], 1), self.rng
        if kind == "slab":
            self.flag(page, "slab")
            page.links = (self.m.direct(0x400) + 32, self.m.direct(pfn))
        elif kind == "reserved":
            self.flag(page, "reserved")
        elif kind == "private_only":
            self.flag(page, "private", "uptodate")
            page.private = rng.choice(self.owners)
        elif kind == "hot":
            page.count = 0
            self.flag(page, "referenced", "uptodate")
            page.private = rng.choice(self.owners)          # stale
            self.parked.setdefault(self._zone(pfn), []).append(pfn)
        elif kind == "plain":
            self.flag(page, *rng.choice(((), ("arch_1",), ("checked", "mappedtodisk"))))
            page.private = rng.choice((0, 3, rng.choice(self.owners)))
        else:
            self._owned(page, kind, pfn)
        return page

    def _owned(self, page, kind, pfn):
        """Pages of files, of processes, and on their way to the swap."""
        rng = self.rng
        page.count, page.index = rng.randrange(2, 5), rng.randrange(1 << 20)
        self.flag(page, "uptodate", *rng.choice((("referenced",), ("dirty",), ("writeback",),
                                                 ("mappedtodisk",), ("checked",))))
        if kind.startswith("anon"):
            page.mapping, page.mapcount = rng.choice(self.owners) | 1, rng.randrange(0, 3)
        elif not kind.startswith("swapcache"):
            page.mapping = rng.choice(self.owners)
            page.mapcount = rng.choice((-1, 0, 5))
        if kind == "cache_private":
            self.flag(page, "private")
            page.private = rng.choice(self.owners)
        if kind.startswith("swapcache") or kind == "anon_swap":
            self.flag(page, "swapcache")
            page.private = rng.randrange(1, 1 << 18) << 1
        if not kind.endswith("_off") and kind != "isolated":
            self.flag(page, "lru")
            active = rng.random() < 0.5
            if active:
                self.flag(page, "active")
            key = (self._zone(pfn), "active_list" if active else "inactive_list")
            self.lru.setdefault(key, []).append(pfn)

    def _zone(self, pfn):
        for zone in self.m.node_of(pfn).zones:
            if zone.start <= pfn < zone.end:
                return zone
        raise ValueError(pfn)

    # ---- free pages and lists ---------------------------------------------------------------

    def _free(self):
        """What nobody took, in blocks as large as they can be."""
        for node in self.m.nodes:
            for zone in node.zones:
                at = zone.start
                while at < zone.end:
                    if at in self.pages:
                        at += 1
                        continue
                    order = 0
                    while order + 1 < ORDERS and not at & ((2 << order) - 1) and \
                            at + (2 << order) <= zone.end and \
                            all(p not in self.pages for p in range(at, at + (2 << order))):
                        order += 1
                    self.blocks.setdefault((zone, order), []).append(at)
                    at += 1 << order
        for (zone, order), firsts in self.blocks.items():
            for first in firsts:
                for p in range(first, first + (1 << order)):
                    self.pages[p] = page = Page("free", "free")
                    self.flag(page, "uptodate", "mappedtodisk", "referenced")    # left behind
                    page.private = self.rng.choice((0, 2, 9, 1 << 20))
                if not self.config.old:
                    self.flag(self.pages[first], "buddy")
                    self.pages[first].private = order

    def _chain(self, head, pfns):
        """A circle of pages through the list_head at HEAD."""
        word, lru = self.config.word, self.m.size["page.lru"]
        nodes = [head] + [self.m.record(p) + lru for p in pfns]
        for i, p in enumerate(pfns, 1):
            self.pages[p].links = (nodes[(i + 1) % len(nodes)], nodes[i - 1])
        self.m.put(head, nodes[1 % len(nodes)])
        self.m.put(head + word, nodes[-1])

    def _lists(self):
        size = self.m.size
        for node in self.m.nodes:
            for zone in node.zones:
                if zone.start == zone.end:
                    continue
                for order in range(ORDERS):
                    firsts = self.blocks.get((zone, order), [])
                    self.rng.shuffle(firsts)
                    area = zone.virt + size["zone.free_area"] + order * size["free_area"]
                    self._chain(area, firsts)
                    self.m.put(area + 2 * self.config.word,
                               0 if self.config.old else len(firsts))
                for which in ("active_list", "inactive_list"):
                    pfns = self.lru.get((zone, which), [])
                    self.rng.shuffle(pfns)
                    self._chain(zone.virt + size["zone." + which], pfns)
                self._parked_lists(zone)

    def _parked_lists(self, zone):
        """Two processors, each with a list of hot pages and one of cold ones."""
        size, pfns = self.m.size, self.parked.get(zone, [])
        self.rng.shuffle(pfns)
        for k in range(4):
            cpu, which = divmod(k, 2)
            at = zone.virt + size["zone.pageset"] + cpu * size["per_cpu_pageset"]
            if self.pagesets:                               # pointers to sets elsewhere
                at = self.pagesets
                self.pagesets += size["per_cpu_pageset"] if which else 0
                self.m.put(zone.virt + size["zone.pageset"] + cpu * self.config.word, at)
            at += which * size["per_cpu_pages"]
            mine = pfns[k::4]
            self.m.put(at, len(mine), 4)
            self._chain(at + size["per_cpu_pages.list"], mine)

    # ---- into memory ------------------------------------------------------------------------

    def _records(self):
        size, word = self.m.size, self.config.word
        flags_size = size["page.flags size"]
        skew = 1 if self.config.old else 0                  # _count begins at -1
        mask = (1 << 8 * word) - 1
        for pfn, page in self.pages.items():
            place = self.m.node_of(pfn).number << 2 | self._zone(pfn).index
            raw = bytearray(size["page"])
            flags = page.flags | place << (8 * flags_size - 8)
            for name, width, value in (
                    ("flags", flags_size, flags), ("_count", 4, page.count - skew & 0xffffffff),
                    ("_mapcount", 4, page.mapcount & 0xffffffff), ("private", word, page.private),
                    ("mapping", word, page.mapping), ("index", word, page.index)):
                at = size["page." + name]
                raw[at:at + width] = (value & mask).to_bytes(width, "little")
            struct.pack_into("<QQ" if word == 8 else "<II", raw, size["page.lru"], *page.links)
            self.m.memory.write(self.m.phys(self.m.record(pfn)), raw)

    def _nodes(self):
        m, size = self.m, self.m.size
        for i, node in enumerate(m.nodes):
            at, present = node.pgdat, 0
            used = [z for z in node.zones if z.start < z.end]
            for zone in used:
                inside = [p for p in range(zone.start, zone.end) if m.is_ram(p)]
                present += len(inside)
                free = sum(len(f) << o for (z, o), f in self.blocks.items() if z is zone)
                for name, value in (("free_pages", free), ("zone_pgdat", at),
                                    ("zone_start_pfn", zone.start), ("present_pages", len(inside)),
                                    ("spanned_pages", zone.end - zone.start)):
                    m.put(zone.virt + size["zone." + name], value)
                if self.config.old:
                    m.put(zone.virt + size["zone.zone_mem_map"], m.record(zone.start))
                else:                                       # counts other things, not free pages
                    for k in range(9):
                        m.put(zone.virt + size["zone.vm_stat"] + k * self.config.word, 7 * k)
            m.put(at + size["pglist_data.nr_zones"], used[-1].index + 1, 4)
            m.put(at + size["pglist_data.node_id"], node.number, 4)
            for name, value in (("node_mem_map", node.map), ("node_start_pfn", node.start),
                                ("node_present_pages", present),
                                ("node_spanned_pages", node.end - node.start)):
                m.put(at + size["pglist_data." + name], value)
            if self.config.old:
                following = m.nodes[i + 1].pgdat if i + 1 < len(m.nodes) else 0
                m.put(at + size["pglist_data.pgdat_next"], following)

    def _variables(self):
        m, v, nodes = self.m, self.m.vmlinux, self.m.nodes
        m.put(v["node_online_map"], (1 << len(nodes)) - 1)
        m.put(v["max_mapnr"], nodes[-1].end)
        m.put(v["max_low_pfn"], m.low_end)
        if "mem_map" in v.symbols:
            m.put(v["mem_map"], nodes[0].map)
        if "pgdat_list" in v.symbols:
            m.put(v["pgdat_list"], nodes[0].pgdat)
        for i, node in enumerate(nodes):
            if "node_data" in v.symbols:
                m.put(v["node_data"] + i * self.config.word, node.pgdat)

    def _log(self):
        """A circle of characters; on the machines with nodes it went round more than once."""
        m, v = self.m, self.m.vmlinux
        size = v.symbols["__log_buf"][1]
        lines = 600 if self.config.numa else 90
        text = "".join("<%d>%s line %d of %d KMSG-CANARY\n" % (i % 7, self.config.name, i, lines)
                       for i in range(lines)).encode()
        ring = bytearray(size)
        for i, c in enumerate(text):
            ring[i & (size - 1)] = c
        m.memory.write(m.phys(v["__log_buf"]), ring)
        for name in ("log_end", "con_start", "logged_chars"):
            m.put(v[name], len(text))
        self.log = text[-size:].decode()

    def _contents(self):
        text = {p: b"KERNEL-%06x no struct page" % p for a, b in self.m.ram for p in range(a, b)
                if p not in self.pages}
        for pfn, page in self.pages.items():
            if page.kind == "boot" or pfn in self.m.memory.frames or not self.m.is_ram(pfn):
                continue
            if self.rng.random() < 0.02:
                continue                                    # zero
            text[pfn] = b"%s-%06x %s" % (TAGS[page.class_], pfn, page.kind.encode())
        for pfn, line in text.items():
            if pfn not in self.m.memory.frames:
                self.m.memory.frames[pfn] = bytearray(b"%-31s\n" % line * (FRAME // 32))
