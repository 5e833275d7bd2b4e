# SPDX-License-Identifier: Apache-2.0
"""Keeps what was measured, row by row, so that a run of an hour can be interrupted and go on.

Format reference: none, JSON of our own. Not handled: a machine that has changed in between.
"""
import hashlib
import json
import os

from . import rows

FIGURES = ("wall", "cpu", "size", "why", "rss", "private")


def identity(args):
    """Of the programs and of what was asked of them: figures of another run are no use."""
    h = hashlib.sha256()
    for path in (os.path.realpath(args.dumpconv), args.makedumpfile, args.codecs, rows.__file__):
        with open(path, "rb") as f:
            h.update(hashlib.file_digest(f, "sha256").digest())
    h.update(repr([args.runs, args.size, args.threads, args.peer_threads, args.sample, args.dump,
                   args.check]).encode())
    return h.hexdigest()


class Record:
    def __init__(self, args):
        self.path = os.path.join(args.scratch, "record.json")
        self.now = {"identity": identity(args), "sittings": 0, "rows": {}, "codecs": {}}
        self.added = False
        if not args.resume:
            return
        try:
            with open(self.path, encoding="utf-8") as f:
                before = json.load(f)
        except FileNotFoundError:
            return
        if before["identity"] == self.now["identity"]:
            self.now = before

    @property
    def sittings(self):
        return self.now["sittings"]

    @property
    def codecs(self):
        """Codec speeds by the dump they were measured on: put them in here."""
        return self.now["codecs"]

    def recall(self, row):
        """Fills in what is known of ROW; its input's size, or None when nothing is."""
        known = self.now["rows"].get(row.key)
        if not known:
            return None
        for one, figures in zip(row.contestants, known["contestants"]):
            for name in FIGURES:
                setattr(one, name, figures[name])
        return known["size"]

    def keep(self, row, size):
        self.now["sittings"] += not self.added
        self.added = True
        self.now["rows"][row.key] = {"size": size, "contestants": [
            {f: getattr(c, f) for f in FIGURES} for c in row.contestants]}
        self.save()

    def save(self):
        with open(self.path + ".new", "w", encoding="utf-8") as f:
            json.dump(self.now, f)
        os.replace(self.path + ".new", self.path)
