# SPDX-License-Identifier: Apache-2.0
"""Judges rows, and makes tables and charts of them.

Format reference: GitHub's Markdown tables. Not handled: what bounds a row, which people write.
"""
import os
import statistics

from .inputs import Failed, parse_size
from .limits import limit_seconds
from .plot import chart
from .process import MIB

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
FLOOR = "cp"                     # shown, but nobody to be faster than


class Verdict:
    """A row's figures: of ours the last contestant, of the peers the fastest. None: not there."""

    def __init__(self, row, codecs, cores):
        good = [c for c in row.contestants if c.wall and not c.why]
        mine = [c for c in good if c.ours]
        rivals = [c for c in good if not c.ours and c.name != FLOOR]
        last = [c for c in row.contestants if c.ours][-1]
        self.row, self.aims = row, []
        self.one = last if last in good else None
        self.peer = min(rivals, key=wall, default=None)
        self.faster = self.size = self.share = self.scaling = self.limit = None
        if not self.one:
            return
        self.limit = limit_seconds(row, codecs, cores)
        if self.limit:
            self.share = self.limit / wall(self.one)
        if self.peer:
            self.faster = wall(self.peer) / wall(self.one)
            self.size = self.one.size / rivals[0].size
        if row.scaling and len(mine) > 1:
            self.scaling = wall(mine[0]) / wall(self.one)
        self.judge(mine, rivals)

    def judge(self, mine, rivals):
        row = self.row
        faster = self.aim("%g× faster" % row.faster, self.faster, row.faster)
        share = self.aim("%g of the limit" % row.share, self.share, row.share)
        if row.either and (faster or share):
            self.aims = [a for a in self.aims if a[1]]
        self.aim("%g of its size" % row.smaller, self.size, row.smaller, most=True)
        best = next((c for c in mine if c.name == row.best), None)
        if best and rivals:
            part = best.size / rivals[0].size
            self.aim("%g of its size at best (%.2f)" % (row.smallest, part), part, row.smallest,
                     most=True)
        self.aim("%g× with all threads" % row.scaling, self.scaling, row.scaling)
        self.aim("%d MiB" % row.memory, self.one.private / 1024 or None, row.memory, most=True)

    def aim(self, words, value, wanted, most=False):
        """Notes whether an aim was met; there is none when WANTED is 0 or VALUE unknown."""
        if not wanted or value is None:
            return False
        met = value <= wanted if most else value >= wanted
        self.aims.append((words, met))
        return met


def wall(one):
    return statistics.median(one.wall)


def cell(form, value):
    return form % value if value is not None else ""


def summary(verdicts):
    out = ["| work | wall s | peer | its s | times faster | size / peer's | limit s | of limit |"
           " 1 → all threads | private MiB | aims |",
           "|---|--:|---|--:|--:|--:|--:|--:|--:|--:|---|"]
    for v in verdicts:
        if not v.one:
            out.append("| %s | failed |%s" % (v.row.title, " |" * 9))
            continue
        aims = "; ".join(words if met else "**not** " + words for words, met in v.aims)
        out.append("| %s | %.3f | %s | %s | %s | %s | %s | %s | %s | %.1f | %s |" % (
            v.row.title, wall(v.one), v.peer.name if v.peer else "", cell("%.3f", v.peer and
                                                                          wall(v.peer)),
            cell("%.2f", v.faster), cell("%.3f", v.size), cell("%.3f", v.limit),
            cell("%.2f", v.share), cell("%.2f", v.scaling), v.one.private / 1024, aims))
    return out


def details(rows, sizes):
    out = ["| work | program | wall s | spread | runs | CPU s | peak RSS MiB | private MiB |"
           " output MiB | input MiB/s |", "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        for one in row.contestants:
            if one.why or not one.wall:
                out.append("| %s | %s | failed: %s |%s" % (row.title, one.name, one.why, " |" * 7))
                continue
            weighed = ["%.1f" % (k / 1024) if k else "" for k in (one.rss, one.private)]
            out.append("| %s | %s | %.3f | %.3f–%.3f | %d | %.2f | %s | %s | %.1f | %.0f |" % (
                row.title, one.name, wall(one), min(one.wall), max(one.wall), len(one.wall),
                statistics.median(one.cpu), *weighed, one.size / MIB,
                sizes[row.source] / MIB / wall(one)))
    return out


def codec_table(codecs):
    """Ours, with the library's own speed beside."""
    out = ["| codec | pack MB/s | expand MB/s | size / page's | library: pack | expand |",
           "|---|--:|--:|--:|--:|--:|"]
    for row in codecs.rows:
        out.append("| " + " | ".join(row[k] for k in ("codec", "pack", "expand", "ratio",
                                                      "library pack", "library expand")) + " |")
    return out


def charts(verdicts, folder):
    """Writes the SVG files that the rows have points for; returns their Markdown."""
    seconds, memory = {}, {}
    for v in verdicts:
        if not v.row.plot or not v.one:
            continue
        kind, name, size = v.row.plot
        x = parse_size(size)
        if kind == "size":
            for one in v.row.contestants:
                if one.wall and not one.why:
                    seconds.setdefault(one.name, []).append((x, wall(one)))
                    if one.private:
                        memory.setdefault(one.name, []).append((x, one.private / 1024))
        elif v.one.private:
            memory.setdefault(name, []).append((x, v.one.private / 1024))
    out = []
    for file, title, unit, series in (
            ("performance-time.svg", "ELF to KDUMP LZO: time", "seconds", seconds),
            ("performance-memory.svg", "Peak private memory", "MiB", memory)):
        if series:
            with open(os.path.join(folder, file), "w", encoding="utf-8") as f:
                f.write(chart(title, unit, series))
            out += ["![%s](%s)" % (title, file), ""]
    return out


def put_between_markers(path, lines):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise Failed("%s does not hold %s and %s, once each" % (path, BEGIN, END))
    head, tail = text[:text.index(BEGIN)], text[text.index(END):]
    with open(path, "w", encoding="utf-8") as f:
        f.write(head + BEGIN + "\n" + "\n".join(lines) + "\n" + tail)
