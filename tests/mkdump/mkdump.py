#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Write a kernel crash dump, and what a reader must find in it, from a text description.

Format reference: README.md of this folder for the language; elf.py, kdump.py, ... for formats.
Not handled: reading dumps; this program shares no code with the library it tests.

usage: mkdump.py SPEC OUT...        a spec of one dump (several OUT: the parts of a split set)
       mkdump.py SPEC:VARIANT OUT...
       mkdump.py --list SPEC...
"""
import hashlib
import json
import sys

sys.dont_write_bytecode = True       # the source tree may be read-only

import common                        # noqa: E402
import diskdump                      # noqa: E402
import elf                           # noqa: E402
import flat                          # noqa: E402
import kdump                         # noqa: E402
import lkcd                          # noqa: E402
import raw                           # noqa: E402

FORMATS = {m.__name__: m for m in (elf, kdump, diskdump, lkcd, raw)}
LARGE = 64 << 20                     # sparse files above this are not hashed


def build(spec):
    """The Dump of a Spec, finished: cut and wrapped as its keys say."""
    dump = FORMATS[spec.get("format")].build(spec)
    if "truncate" in spec.keys:
        dump.truncate(dump.where(spec.get("truncate")))
    for part in dump.parts or [dump]:
        if "flat" in spec.keys:
            flat.wrap(spec, part)
    if dump.parts and "flat" in spec.keys:
        dump.info["container"] = ["flattened"]
    if "expect-open" in spec.keys:
        dump.info["open"] = spec.get("expect-open")
    if "remark" in spec.keys:
        dump.info["remarks"].append(spec.get("remark"))
    return dump


def _save_one(spec, dump, path):
    dump.image.save(path)
    entry = {"size": dump.image.size}
    if dump.image.size <= LARGE:
        with open(path, "rb") as f:
            entry["sha256"] = hashlib.sha256(f.read()).hexdigest()
    return entry


def _save_expect(spec, dump, path, files):
    out = {"spec": spec.name, "files": files, **dump.expect()}
    with open(path + ".expect", "w", encoding="utf-8") as f:
        json.dump(out, f, indent=1)
        f.write("\n")


def save(spec, paths):
    """Write the dump; a split set with one path gets PATH.1, PATH.2, ... Returns the files."""
    dump = build(spec)
    base = paths[0]
    if not dump.parts:
        entry = _save_one(spec, dump, base)
        _save_expect(spec, dump, base, [dict(name=base.rsplit("/", 1)[-1], **entry)])
        return [base]
    if len(paths) == 1:
        paths = ["%s.%d" % (base, i + 1) for i in range(len(dump.parts))]
    if len(paths) != len(dump.parts):
        raise common.SpecError("%d parts, %d names" % (len(dump.parts), len(paths)))
    files = []
    for part, path in zip(dump.parts, paths):
        files.append(dict(name=path.rsplit("/", 1)[-1], **_save_one(spec, part, path)))
        _save_expect(spec, part, path, files[-1:])
    _save_expect(spec, dump, base if base != paths[0] else base + ".set", files)
    return paths


def main(args):
    if args[:1] == ["--list"]:
        for path in args[1:]:
            print("\n".join(s.name for s in common.load(path)))
        return 0
    if len(args) < 2:
        print(__doc__.split("\n\n")[-1].strip(), file=sys.stderr)
        return 2
    path, _, wanted = args[0].partition(":")
    specs = [s for s in common.load(path) if not wanted or s.name == wanted]
    if len(specs) != 1:
        print("%s: %d dumps, name one as SPEC:NAME" % (path, len(specs)), file=sys.stderr)
        return 2
    save(specs[0], args[1:])
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (common.SpecError, OSError) as err:
        print("mkdump: %s" % err, file=sys.stderr)
        sys.exit(1)
