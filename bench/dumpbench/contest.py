# SPDX-License-Identifier: Apache-2.0
"""Runs the contestants of a row in turns, first to last and last to first, so that a machine that
slows down slows all of them; and looks at what they wrote.

Format reference: zstd seekable format (its last four bytes). Not handled: judging the times.
"""
import json
import os
import statistics
import subprocess

from .inputs import Failed, filtering, run
from .process import remove, timed, weighed

SEEK_TABLE_END = bytes.fromhex("b1ea928f")
PEER_KEEPS = 0.97
TOO_SLOW = 1.5                   # times the fastest peer: once is enough


class Contest:
    def __init__(self, args, inputs):
        self.args, self.inputs, self.wanted = args, inputs, {}

    def image(self, path):
        """(digest, pages that are not zero) of a dump; None when it is not whole."""
        command = [self.args.dumpverify, "--json", "-q", path]
        if self.args.age_identity:
            command.insert(1, "--identity=" + self.args.age_identity)
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            return None
        seen = json.loads(run.stdout)
        return seen["image_digest"], seen["present_pages"] - seen["zero_pages"]

    def wanted_image(self, row):
        """The input's, filtered in one thread and not packed where a level is asked for. A dump
        filtered further must equal the whole one filtered at once."""
        source = row.source.partition("/")[0] if row.level else row.source
        key = (source, row.level)
        if key not in self.wanted:
            path, target = self.inputs.path(source), os.path.join(self.args.outputs, "wanted")
            if row.level:
                run(filtering(self.args, row.level, "none") + ["-T1", path, target])
                path = target
            self.wanted[key] = self.image(path)
            remove(target)
            if self.wanted[key] is None:
                raise Failed("%s cannot be read or filtered" % source)
        return self.wanted[key]

    def check(self, row, one, target):
        """What was written holds the memory wanted; of a peer, which may leave out what is no RAM
        and keep pages of small runs, about as many pages."""
        seen, wanted = self.image(target), self.wanted_image(row)
        if seen is None:
            one.why = "what it wrote is not whole"
        elif one.ours and seen != wanted:
            one.why = "what it wrote is another image: %s, %d pages" % seen
        elif not one.ours and seen[1] < wanted[1] * PEER_KEEPS:
            one.why = "what it wrote holds %d pages, not %d" % (seen[1], wanted[1])
        if one.ours and row.seekable and not one.why:
            with open(target, "rb") as f:
                f.seek(-4, os.SEEK_END)
                if f.read() != SEEK_TABLE_END:
                    one.why = "what it wrote has no seek table"

    def run(self, row):
        source, target = self.inputs.path(row.source), os.path.join(self.args.outputs, "out")
        for turn in range(self.args.runs):
            for one in row.contestants if turn % 2 == 0 else reversed(row.contestants):
                if one.why or self.enough(row, one):
                    continue
                if timed(one, source, target) and turn == 0 and self.args.check:
                    self.check(row, one, target)
                remove(target)
        for one in row.contestants:
            if not one.why and (one.ours or not self.enough(row, one)):
                weighed(one, source, target)
                remove(target)

    @staticmethod
    def enough(row, one):
        """Runs beyond one.tries: for what may be the fastest peer only."""
        rivals = [statistics.median(c.wall) for c in row.contestants
                  if c is not one and not c.ours and c.wall and not c.why]
        return (one.tries is not None and len(one.wall) >= one.tries and
                (not rivals or statistics.median(one.wall) > TOO_SLOW * min(rivals)))
