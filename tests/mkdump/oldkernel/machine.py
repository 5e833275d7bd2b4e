# SPDX-License-Identifier: Apache-2.0
"""A machine that runs an old kernel: its memory, nodes and zones, kernel image and page tables.

Format reference: Intel SDM volume 3 chapter 4; arch/i386/mm/{init,discontig}.c, arch/x86_64/mm of
2.6.9 and 2.6.18 (remapped memory maps of i386 nodes, pages of 4 KiB or large ones).
Not handled: what the pages are used for (pages.py), vmalloc, fixmaps.
"""
FRAME = 4096
MIB = 256                                  # frames
LOW_END = 20 * MIB                         # i386: as if booted with highmem=
DMA_END = 16 * MIB
NX = 1 << 63


class Memory:
    """Physical memory by frames; what was never written reads as zero."""

    def __init__(self):
        self.frames = {}

    def write(self, phys, data):
        at = 0
        while at < len(data):
            pfn, off = divmod(phys + at, FRAME)
            n = min(FRAME - off, len(data) - at)
            frame = self.frames.setdefault(pfn, bytearray(FRAME))
            frame[off:off + n] = data[at:at + n]
            at += n

    def read(self, phys, size):
        out = bytearray()
        while len(out) < size:
            pfn, off = divmod(phys + len(out), FRAME)
            n = min(FRAME - off, size - len(out))
            out += self.frames.get(pfn, bytes(FRAME))[off:off + n]
        return bytes(out)

    def page(self, pfn):
        return bytes(self.frames.get(pfn, bytes(FRAME)))


class Zone:
    """index in node_zones; [start, end) frames; virt of the struct."""

    def __init__(self, index, start, end, virt):
        self.index, self.start, self.end, self.virt = index, start, max(start, end), virt


class Node:
    """number; [start, end) frames; virt of its pglist_data and of its struct pages."""

    def __init__(self, number, start, end):
        self.number, self.start, self.end = number, start, end
        self.pgdat = self.map = 0
        self.zones = []


class Machine:
    def __init__(self, config, vmlinux):
        self.config, self.vmlinux, self.memory = config, vmlinux, Memory()
        self.size = vmlinux.layout                          # sizes and offsets by name
        self.reserved = {0}                                 # frames taken before the allocator
        self.window = None                                  # (virt, phys, bytes): remapped node
        self.large = 512 if config.pae or config.word == 8 else 1024
        self._memory_map()
        self._image()
        self._tables()
        self._maps()

    # ---- geometry ---------------------------------------------------------------------------

    def _memory_map(self):
        top = 48 * MIB if self.config.numa else 32 * MIB
        self.ram = [(0, 0x9f), (0x100, 24 * MIB if self.config.numa else top)]
        self.nodes = [Node(0, 0, self.ram[1][1])]
        self.low_end = LOW_END if self.config.word == 4 else top
        if not self.config.numa:
            return
        self.ram.append((32 * MIB, top))
        end = top
        if self.config.word == 4:           # its map and pglist_data are seen through a window
            end -= self.large
            self.window = (self.config.page_offset + LOW_END * FRAME, end * FRAME,
                           self.large * FRAME)
        self.nodes.append(Node(1, 32 * MIB, end))

    def is_ram(self, pfn):
        return any(a <= pfn < b for a, b in self.ram)

    def node_of(self, pfn):
        for node in self.nodes:
            if node.start <= pfn < node.end:
                return node
        return None

    def zone_bounds(self):
        """First frame of each zone and of what lies behind the last."""
        if self.config.word == 8:
            edges = [0, DMA_END, 1 << 40, 1 << 40]          # DMA, NORMAL or DMA32, rest empty
            return edges if self.config.old else edges + [1 << 40]
        edges = [0, DMA_END, LOW_END, 1 << 40]              # DMA, NORMAL, HIGHMEM
        return edges if self.config.old else [0, DMA_END, DMA_END, LOW_END, 1 << 40]

    # ---- addresses --------------------------------------------------------------------------

    def phys(self, virt):
        if self.window and self.window[0] <= virt < self.window[0] + self.window[2]:
            return virt - self.window[0] + self.window[1]
        if virt >= self.config.image_offset:
            return virt - self.config.image_offset
        return virt - self.config.page_offset

    def direct(self, pfn):
        return self.config.page_offset + pfn * FRAME

    def put(self, virt, value, size=None):
        size = size or self.config.word
        self.memory.write(self.phys(virt), (value & ((1 << 8 * size) - 1)).to_bytes(size, "little"))

    def record(self, pfn):
        """Virtual address of a frame's struct page."""
        node = self.node_of(pfn)
        return node.map + (pfn - node.start) * self.size["page"]

    def boot(self, frames, node=0):
        """Frames that the kernel took for good before its allocator ran."""
        at = self.next_boot[node]
        self.next_boot[node] += frames
        self.reserved.update(range(at, at + frames))
        return at

    # ---- the image --------------------------------------------------------------------------

    def _image(self):
        v = self.vmlinux
        for phys, data in v.loads:
            self.memory.write(phys, data)
        first, end = self.phys(v["_text"]) // FRAME, -(-self.phys(v["_end"]) // FRAME)
        self.reserved.update(range(first, end))
        self.next_boot = [end, self.nodes[-1].start]

    # ---- page tables ------------------------------------------------------------------------

    def _entry(self, table, index, value, size):
        self.memory.write(table + index * size, value.to_bytes(size, "little"))

    def _tables(self):
        if self.config.word == 8:
            self._tables_64()
        else:
            self._tables_32()

    def _tables_64(self):
        v, nx = self.vmlinux, 0 if self.config.old else NX
        root, third = self.phys(v["init_level4_pgt"]), self.phys(v["level3_physmem_pgt"])
        kernel, text = self.phys(v["level3_kernel_pgt"]), self.phys(v["level2_kernel_pgt"])
        second = self.boot(1) * FRAME
        self._entry(root, self.config.page_offset >> 39 & 511, third | 0x63, 8)
        self._entry(third, 0, second | 0x63, 8)
        for i in range(self.low_end // 512):
            self._entry(second, i, i << 21 | 0x1e3 | nx, 8)
        self._entry(root, 511, kernel | 0x27, 8)
        self._entry(kernel, 510, text | 0x27, 8)
        for i in range(20):                                 # the first 40 MiB
            self._entry(text, i, i << 21 | 0x1e3, 8)

    def _tables_32(self):
        """2.6.9: a machine without large pages, but for the window; 2.6.18: with them."""
        pae, root = self.config.pae, self.phys(self.vmlinux["swapper_pg_dir"])
        size, shift, first = (8, 21, 0) if pae else (4, 22, 768)
        table = root
        if pae:
            zero = self.phys(self.vmlinux["empty_zero_page"])
            table = self.boot(1) * FRAME
            for i in range(3):
                self._entry(root, i, zero | 1, 8)
            self._entry(root, 3, table | 1, 8)
        for i in range(LOW_END // self.large):
            value = i << shift | 0x1e3
            if self.config.old:
                leaves = self.boot(1) * FRAME
                for k in range(self.large):
                    self._entry(leaves, k, (i * self.large + k) << 12 | 0x163, size)
                value = leaves | 0x67
            self._entry(table, first + i, value, size)
        if self.window:
            at = (self.window[0] - self.config.page_offset) >> shift
            self._entry(table, first + at, self.window[1] | 0x1e3, size)

    # ---- memory maps ------------------------------------------------------------------------

    def _maps(self):
        """Where pglist_data and struct pages of the nodes lie."""
        edges = self.zone_bounds()
        for node in self.nodes:
            pgdat = -(-self.size["pglist_data"] // FRAME)
            frames = -(-(node.end - node.start) * self.size["page"] // FRAME)
            if node.number and self.window:
                node.pgdat = self.window[0]
                node.map = node.pgdat + pgdat * FRAME
            else:
                node.pgdat = (self.direct(self.boot(pgdat, node.number)) if self.config.numa
                              else self.vmlinux["contig_page_data"])
                node.map = self.direct(self.boot(frames, node.number))
            at = node.pgdat + self.size["pglist_data.node_zones"]
            for i, (start, end) in enumerate(zip(edges, edges[1:])):
                start, end = max(start, node.start), min(end, node.end)
                node.zones.append(Zone(i, start, end, at + i * self.size["zone"]))
