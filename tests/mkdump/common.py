# SPDX-License-Identifier: Apache-2.0
"""The spec language of mkdump, a sparse file image, and what a reader must find.

Format reference: README.md of this folder (the language is our own).
Not handled: anything that belongs to one dump format; see elf.py, kdump.py and their neighbours.
"""
import hashlib
import itertools
import shlex

import arch as archs
import digest
from content import FRAME, SpecError, fill, gather, num


def span(text):
    """A-B, A+LEN or A (one frame of 4096 bytes) as (start, end)."""
    for sep in "-+":
        a, found, b = text.partition(sep)
        if found and a:
            return num(a), num(b) + (num(a) if sep == "+" else 0)
    return num(text), num(text) + FRAME


def options(words):
    """Words like key=value or flag, as a dict."""
    return {w.partition("=")[0]: w.partition("=")[2] if "=" in w else "yes" for w in words}


# ---- the spec -------------------------------------------------------------------------------

class Spec:
    """One dump to write: keys (text), and the statements in the order given."""

    def __init__(self, name, lines):
        self.name, self.keys, self._memory = name, {}, None
        self.pages, self.excluded, self.lost, self.segments = [], [], [], []
        self.notes, self.cpus, self.vmcoreinfo, self.erase = [], [], [], []
        for number, line in lines:
            try:
                self._line(line)
            except (ValueError, IndexError, KeyError) as err:
                raise SpecError("line %d: '%s': %s" % (number, line, err)) from err
        self.arch = archs.ARCHES[self.get("arch", "x86_64")]
        self.order = self.get("order", self.arch.order)
        self.word = self.int("word", self.arch.word)
        self.page_size = self.int("page_size", FRAME)
        self._cpus()

    def _line(self, line):
        words = shlex.split(line)
        if len(words) > 1 and words[1] == "=":
            self.keys[words[0]] = line.partition("=")[2].strip().strip('"')
        elif words[0] == "page":
            start, end = span(words[1])
            kind = words[2]
            rest = words[3:]
            arg = num(rest.pop(0)) if rest and kind != "zero" else 0
            self.pages.append((start, end, kind, arg, options(rest)))
        elif words[0] in ("excluded", "lost"):
            getattr(self, words[0]).append(span(words[1]))
        elif words[0] == "segment":
            self.segments.append((*span(words[1]), options(words[2:])))
        elif words[0] == "note":
            self.notes.append((words[1], num(words[2]), " ".join(words[3:])))
        elif words[0] == "cpu":
            self.cpus.append({"id": num(words[1]),
                              "set": {k: num(v) for k, v in options(words[2:]).items()}})
        elif words[0] in ("vmcoreinfo", "erase"):
            getattr(self, words[0]).append(line.split(None, 1)[1])
        else:
            raise ValueError("unknown statement")

    def _cpus(self):
        known = {c["id"] for c in self.cpus}
        for i in range(self.int("cpus", 0 if known else 2)):
            if i not in known:
                self.cpus.append({"id": i, "set": {}})
        self.cpus.sort(key=lambda c: c["id"])

    def get(self, key, default=None):
        return self.keys.get(key, default)

    def int(self, key, default=0):
        return num(self.keys[key]) if key in self.keys else default

    def yes(self, key):
        return self.get(key, "no") == "yes"

    def utsname(self):
        default = {"sysname": "Linux", "nodename": "testhost", "release": "6.1.0-mkdump",
                   "version": "#1 SMP mkdump", "machine": self.arch.machine,
                   "domainname": "(none)"}
        return {k: self.get("uts." + k, v) for k, v in default.items()}

    def time(self):
        return self.int("time", 1700000000), self.int("usec", 123456)

    def vmcoreinfo_text(self):
        if self.get("vmcoreinfo-in") == "none":
            return b""
        lines = ["OSRELEASE=" + self.utsname()["release"], "PAGESIZE=%d" % self.page_size,
                 "SYMBOL(init_uts_ns)=%x" % (self.arch.page_offset + 0x1a13540),
                 "SYMBOL(_stext)=%x" % (self.arch.page_offset + 0x1000000),
                 "NUMBER(PG_lru)=4", "CRASHTIME=%d" % self.time()[0]]
        if self.arch.name == "x86_64":
            lines += ["NUMBER(phys_base)=%d" % self.int("phys_base"), "KERNELOFFSET=0"]
        for line in self.vmcoreinfo:                    # a line given replaces its key
            key = line.partition("=")[0] + "="
            lines = [x for x in lines if not x.startswith(key)] + [line]
        return "".join(x + "\n" for x in lines).encode()

    def memory(self):
        """The page statements as pieces (start, end, bytes); the first piece wins."""
        if self._memory is None:
            self._memory = [(s, e, fill(k, a, s, e)) for s, e, k, a, o in self.pages
                            if "duplicate" not in o]
        return self._memory

    def file_pages(self):
        """[(address, one whole page, options)] in statement order, duplicates included."""
        size, memory, out, seen = self.page_size, self.memory(), [], set()
        for start, end, kind, arg, opts in self.pages:
            for addr in range(start - start % size, end, size):
                if "duplicate" in opts:
                    out.append((addr, fill(kind, arg, addr, addr + size), opts))
                elif addr not in seen:
                    seen.add(addr)
                    out.append((addr, gather(memory, addr, addr + size), opts))
        return out

    def page_set(self, spans):
        size = self.page_size
        return {a for s, e in spans for a in range(s - s % size, e, size)}


def _substitute(text, values):
    for key in sorted(values, key=len, reverse=True):
        text = text.replace("${%s}" % key, values[key]).replace("$" + key, values[key])
    return text


def _axes(lines, path):
    """The matrix and variant lines as a list of axes, each a list of (label, values)."""
    axes, variants = [], []
    for number, line in lines:
        words = line.split()
        if words[0] == "matrix":
            if words[2] != "=":
                raise SpecError("%s:%d: matrix KEY = VALUE..." % (path, number))
            axes.append([(v, {words[1]: v}) for v in words[3:]])
        elif words[0] == "variant":
            variants.append((words[1], dict(w.split("=", 1) for w in shlex.split(line)[2:])))
    return axes + ([variants] if variants else [])


def _when(line, values):
    """Strip 'when K=V,V2 ...' from LINE, or None when the condition does not hold."""
    while line.startswith("when "):
        _, cond, line = line.split(None, 2)
        negate = "!=" in cond
        key, _, wanted = cond.replace("!=", "=").partition("=")
        if (values.get(key) in wanted.split(",")) == negate:
            return None
    return line


def load(path):
    """Every Spec of a file: one, or one per combination of its matrix and variant lines."""
    with open(path, encoding="utf-8") as f:
        lines = [(i, x.split(" #")[0].strip()) for i, x in enumerate(f, 1)]
    lines = [(i, x) for i, x in lines if x and not x.startswith("#")]
    stem = path.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    axes = _axes(lines, path)
    body = [(i, x) for i, x in lines if x.split()[0] not in ("matrix", "variant")]
    specs = []
    for combo in itertools.product(*axes):
        values = {k: v for _, vals in combo for k, v in vals.items()}
        given = [(0, "%s = %s" % kv) for kv in values.items()]
        chosen = [(i, _when(_substitute(x, values), values)) for i, x in body]
        chosen = [(i, x) for i, x in chosen if x is not None]
        fixed = [p for p in chosen if p[1].split()[1:2] == ["="]]
        rest = [p for p in chosen if p not in fixed]
        name = "-".join([stem] + [label for label, _ in combo if label != "_"])
        try:
            specs.append(Spec(name, fixed + given + rest))
        except SpecError as err:
            raise SpecError("%s: %s: %s" % (path, name, err)) from err
    return specs


# ---- bytes of a file ------------------------------------------------------------------------

class Image:
    """A sparse file being made: later writes win."""

    def __init__(self):
        self.chunks, self.size = [], 0

    def write(self, off, data):
        self.chunks.append((off, bytes(data)))
        self.size = max(self.size, off + len(data))

    def grow(self, size):
        self.size = max(self.size, size)

    def bytes(self):
        out = bytearray(self.size)
        for off, data in self.chunks:
            data = data[:max(0, self.size - off)]
            out[off:off + len(data)] = data
        return bytes(out)

    def save(self, path):
        with open(path, "wb") as f:
            for off, data in self.chunks:
                f.seek(off)
                f.write(data)
            f.truncate(self.size)


class Struct:
    """A structure under construction: put(offset, bytes per field, value)."""

    def __init__(self, size, order):
        self.data, self.order = bytearray(size), order

    def put(self, off, size, value):
        self.data[off:off + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, self.order)

    def text(self, off, room, text):
        raw = text.encode()[:room - 1]
        self.data[off:off + len(raw)] = raw

    def uts(self, off, uts):
        for i, key in enumerate(("sysname", "nodename", "release", "version", "machine",
                                 "domainname")):
            self.text(off + 65 * i, 65, uts[key])


# ---- what a reader must find ----------------------------------------------------------------

class Dump:
    """A dump that was built: its image, and the model a perfect reader recovers from it."""

    def __init__(self, spec, fmt, version=None):
        self.spec, self.image = spec, Image()
        self.stored = []         # (start, end, data, [(file offset, length) it needs])
        self.excluded, self.lost, self.unsettled, self.elsewhere = [], [], [], []
        self.need = 0            # a shorter file cannot be opened at all
        self.cut_is_lost = True  # False: what a cut takes away leaves no trace (LKCD)
        self.parts = []          # Dumps of a split set
        self.info = {"format": fmt, "version": version, "container": [], "open": "ok",
                     "complete": True, "remarks": []}

    def find(self, addr):
        """File offset of the data of the page at ADDR."""
        for start, end, _, needs in self.stored:
            if start <= addr < end and needs:
                return needs[-1][0] + (addr - start if needs[-1][1] == end - start else 0)
        raise SpecError("nothing stored at %#x" % addr)

    def where(self, text):
        """'0x100', '-5' (from the end), 'page 0x1000 + 16' as a file offset."""
        words = text.split()
        if words[0] == "page":
            return self.find(num(words[1])) + (num(words[3]) if len(words) > 3 else 0)
        return num(text) if num(text) >= 0 else self.image.size + num(text)

    def truncate(self, size):
        """Cut the file; what needed the missing bytes is lost."""
        self.image.size = size
        self.info["complete"] = False
        self.info["remarks"].append("truncated")
        if size < self.need:
            self.info["open"] = "fail"
        keep = []
        for start, end, data, needs in self.stored:
            if all(off + n <= size for off, n in needs):
                keep.append((start, end, data, needs))
                continue
            have = 0
            off, n = needs[-1]
            if n == end - start and len(needs) == 1:      # plain bytes: a prefix survives
                have = max(0, min(n, size - off))
                have = max(0, (start + have) // FRAME * FRAME - start)
            if have:
                keep.append((start, start + have, data[:have], [(off, have)]))
            (self.lost if self.cut_is_lost else self.unsettled).append((start + have, end))
        self.stored = keep

    def expect(self):
        """The .expect file as a dict."""
        size = self.info.get("page_size", self.spec.page_size)
        pieces = [(s, e, d) for s, e, d, _ in self.stored]
        lost = pages_of(self.lost, size)
        have = pages_of([(s, e) for s, e, _ in pieces], size) - lost
        excluded = pages_of(self.excluded, size) - have - lost
        unsettled = pages_of(self.unsettled, size) - have
        out = dict(self.info)
        out["page_size"] = size
        out["present"] = ranges(have, size)
        out["present_bytes"] = merge([(s, e) for s, e, _ in pieces])
        for key, pages in (("excluded", excluded), ("lost", lost), ("unsettled", unsettled)):
            out[key] = ranges(pages, size)
        out["elsewhere"] = ranges(pages_of(self.elsewhere, size), size)
        out["pages"] = {"%#x" % a: hashlib.sha256(gather(pieces, a, a + size)).hexdigest()
                        for a in sorted(have)}
        out["image_digest"] = digest.image_digest(pieces)
        return out


def pages_of(spans, size):
    return {a for s, e in spans for a in range(s - s % size, e, size)}


def merge(spans):
    out = []
    for s, e in sorted(spans):
        if out and s <= out[-1][1]:
            out[-1][1] = max(out[-1][1], e)
        elif s < e:
            out.append([s, e])
    return out


def ranges(pages, size):
    return merge([(a, a + size) for a in pages])


def describe(dump, spec, uts=True, time=True):
    """The model facts most formats share."""
    info = dump.info
    info.update(byte_order=spec.order, word_size=spec.word, arch=spec.arch.name,
                page_size=spec.page_size, registers=[], notes=[], panic_string=None, task=None,
                vmcoreinfo=None, eraseinfo=None)
    info["utsname"] = spec.utsname() if uts else None
    info["time"] = dict(zip(("sec", "usec"), spec.time())) if time else None


def align(value, to):
    return (value + to - 1) // to * to
