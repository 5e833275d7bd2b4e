# SPDX-License-Identifier: Apache-2.0
"""Classes of an old machine's pages, found again from its memory alone: page tables, memory maps,
free lists. Proof that an image can be understood, before a tool is blamed for not doing so.

Format reference: Intel SDM volume 3 chapter 4; page-flags.h and mmzone.h of 2.6.9 and 2.6.18.
Not handled: pages on the lists of processors; they count as the kernel's.
"""
# flags, _mapcount, private, mapping, index, lru, size; of struct page as the compilers of then
# laid it out, and (lru, slab, reserved, private, compound, swapcache, buddy)
LAYOUT = {("2.6.9", 4): (0, 8, 12, 16, 20, 24, 32), ("2.6.18", 4): (0, 8, 12, 16, 20, 24, 32),
          ("2.6.9", 8): (0, 8, 16, 24, 32, 40, 56), ("2.6.18", 8): (0, 12, 16, 24, 32, 40, 56)}
BITS = {"2.6.9": (5, 7, 11, 12, 15, 16, None), "2.6.18": (5, 7, 10, 11, 14, 15, 19)}


class Reader:
    def __init__(self, config, vmlinux, read):
        """READ(phys, size) -> bytes"""
        self.config, self.v, self.read_phys, self.known = config, vmlinux, read, {}

    def number(self, data, at=0, size=None):
        return int.from_bytes(data[at:at + (size or self.config.word)], "little")

    def _walk(self, table, shifts, virt, size):
        for level, (shift, bits) in enumerate(shifts):
            at = table + (virt >> shift & ((1 << bits) - 1)) * size
            entry = self.number(self.read_phys(at, size), 0, size)
            if not entry & 1:
                raise ValueError("%#x is not mapped" % virt)
            address = entry & 0xffffffffff000
            if shift == 12 or (entry & 0x80 and level):
                return address & -(1 << shift) | virt & ((1 << shift) - 1)
            if entry & 0x80 and shift == 22:
                return address & -(1 << 22) | virt & 0x3fffff
            table = address
        raise ValueError("no page")

    def phys(self, virt):
        page = virt >> 12
        if page not in self.known:
            if self.config.word == 8:
                self.known[page] = self._walk(
                    self.v["init_level4_pgt"] - 0xffffffff80000000,
                    ((39, 9), (30, 9), (21, 9), (12, 9)), page << 12, 8)
            else:
                root = self.v["swapper_pg_dir"] - 0xc0000000
                self.known[page] = (
                    self._walk(root, ((30, 2), (21, 9), (12, 9)), page << 12, 8)
                    if self.config.pae else self._walk(root, ((22, 10), (12, 10)), page << 12, 4))
        return self.known[page] | virt & 0xfff

    def read(self, virt, size):
        out = b""
        while len(out) < size:
            n = min(size - len(out), 4096 - (virt + len(out) & 0xfff))
            out += self.read_phys(self.phys(virt + len(out)), n)
        return out

    def word(self, virt):
        return self.number(self.read(virt, self.config.word))


def _nodes(r):
    """Virtual addresses of the pglist_data."""
    if "node_data" in r.v.symbols:
        address, size = r.v.symbols["node_data"]
        words = [r.word(address + i) for i in range(0, size, r.config.word)]
        return [w for w in words if w]
    if "pgdat_list" not in r.v.symbols:
        return [r.v["contig_page_data"]]
    out, at = [], r.word(r.v["pgdat_list"])
    while at:
        out.append(at)
        at = r.word(at + r.v.layout["pglist_data.pgdat_next"])
    return out


def _free_lists(r, nodes, spans):
    """{first frame: order}; SPANS: [(virt of the first record, records, first frame)]."""
    size, out, word = r.v.layout, {}, r.config.word
    lru, record = LAYOUT[r.config.version, word][5:7]
    for pgdat in nodes:
        zones = r.number(r.read(pgdat + size["pglist_data.nr_zones"], 4), 0, 4)
        for z in range(zones):
            zone = pgdat + size["pglist_data.node_zones"] + z * size["zone"]
            counted = r.word(zone + size["zone.free_pages"])
            if not r.word(zone + size["zone.spanned_pages"]):
                continue
            for order in range(11):
                head = at = zone + size["zone.free_area"] + order * size["free_area"]
                while (nxt := r.word(at)) != head:
                    assert r.word(nxt + word) == at, "broken list"
                    first, = [p + (nxt - lru - v) // record for v, n, p in spans
                              if v <= nxt < v + n * record]
                    assert first not in out and first % (1 << order) == 0
                    out[first], at = order, nxt
                    counted -= 1 << order
            assert counted == 0, "zone counts other free pages"
    return out


def classify(config, vmlinux, read):
    """{frame: class} of all frames with a struct page."""
    r, out = Reader(config, vmlinux, read), {}
    size, word = vmlinux.layout, config.word
    flags_at, mapcount, private, mapping, index, lru, record = LAYOUT[config.version, word]
    lru_bit, slab, reserved, private_bit, compound, swapcache, buddy = BITS[config.version]
    flags_size = 4 if config.old or word == 4 else 8
    nodes = _nodes(r)
    spans = []
    for pgdat in nodes:
        start, n, at = (r.word(pgdat + size["pglist_data." + name]) for name in
                        ("node_start_pfn", "node_spanned_pages", "node_mem_map"))
        spans.append((at, n, start))
    free = _free_lists(r, nodes, spans)
    for at, n, start in spans:
        raw = r.read(at, n * record)
        for pfn in range(start, start + n):
            if pfn in out:
                continue                                    # a later page of one seen
            p = raw[(pfn - start) * record:][:2 * record]
            flags, pages = r.number(p, flags_at, flags_size), 1

            def has(bit):
                return flags >> bit & 1
            anon = r.number(p, mapping) & 1
            if buddy:
                assert has(buddy) == (pfn in free)
            if pfn in free:
                class_, pages = "free", 1 << free[pfn]
                assert not buddy or r.number(p, private) == free[pfn]
            elif has(compound):
                assert r.number(p, private) == at + (pfn - start) * record, "a tail without head"
                at_order = record + (index if config.old else lru + word)
                pages = 1 << r.number(p, at_order)
                dtor = r.number(p, record + (mapping if config.old else lru))
                huge = dtor == vmlinux["free_huge_page"]
                class_ = "user" if huge and not config.old else "kernel"
            elif has(slab) or has(reserved):
                class_ = "kernel"
            elif anon:
                class_ = "user"
            elif has(lru_bit) or has(swapcache):
                class_ = "private" if has(private_bit) else "cache"
            else:
                class_ = "kernel"
            out.update((p, class_) for p in range(pfn, pfn + pages))
    return out
