# SPDX-License-Identifier: Apache-2.0
"""What stops a comparison: the codecs on the same pages in memory, or a copy, or a peer's work.

Format reference: none. Not handled: memory bandwidth shared by the cores.
"""
import statistics
import subprocess

from .inputs import Failed


class Codecs:
    """Speeds of the codecs on the pages of a dump, as codecs.c prints them."""

    def __init__(self, text):
        lines = [line.split("\t") for line in text.splitlines()]
        self.pages = dict(zip(lines[0], map(int, lines[1])))      # sampled, present, unit
        self.head = lines[2]
        self.rows = [dict(zip(self.head, line)) for line in lines[3:]]

    @staticmethod
    def measure(program, path, mib, rounds):
        """What the program prints, to make Codecs of."""
        run = subprocess.run([program, path, str(mib), str(rounds)], capture_output=True,
                             text=True, check=False)
        if run.returncode:
            raise Failed("%s: %s" % (program, run.stderr.strip()))
        return run.stdout

    def seconds(self, what, codec):
        """One core's for all pages that are not zero."""
        row = next((r for r in self.rows if r["codec"] == codec), None)
        if not row:
            raise Failed("codec %s was not measured" % codec)
        return self.pages["pages"] * self.pages["unit"] / 1e6 / float(row[what])


def limit_seconds(row, codecs, cores):
    """The shortest time possible for ROW, None when nothing says: of its parts ("pack" or "expand",
    codec), ("cpu", peer) run on all cores; ("wall", peer) is that time itself."""
    total = 0
    for what, name in row.limit:
        if what in ("pack", "expand"):
            total += codecs.seconds(what, name) / cores
            continue
        one = next(c for c in row.contestants if c.name == name)
        if one.why or not one.wall:
            return None
        total += (statistics.median(one.cpu) / cores if what == "cpu" else
                  statistics.median(one.wall))
    return total or None
