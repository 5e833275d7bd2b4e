#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Write every dump of specs/ to a directory.

Format reference: README.md of this folder.
Not handled: specs marked `huge = yes` (sparse files of a GiB) unless --huge is given.

usage: make-all.py [--huge] OUTDIR [NAME...]       NAME: spec files, without folder and suffix
"""
import glob
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True       # the source tree may be read-only

import common                        # noqa: E402
import mkdump                        # noqa: E402


def main(args):
    huge = "--huge" in args
    args = [a for a in args if a != "--huge"]
    if not args:
        print(__doc__.split("\n\n")[-1].strip(), file=sys.stderr)
        return 2
    out, wanted = args[0], set(args[1:])
    os.makedirs(out, exist_ok=True)
    seen, files, left = {}, 0, 0
    for path in sorted(glob.glob(os.path.join(HERE, "specs", "*.spec"))):
        if wanted and os.path.basename(path)[:-5] not in wanted:
            continue
        for spec in common.load(path):
            if spec.yes("huge") and not huge:
                left += 1
                continue
            if spec.name in seen:
                raise common.SpecError("%s: also in %s" % (spec.name, seen[spec.name]))
            seen[spec.name] = path
            try:
                files += len(mkdump.save(spec, [os.path.join(out, spec.name)]))
            except Exception as err:
                raise common.SpecError("%s: %s: %s" % (spec.name, type(err).__name__, err)) from err
    rest = ", %d huge left out" % left if left else ""
    print("%d dumps in %d files%s" % (len(seen), files, rest))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (common.SpecError, OSError) as err:
        print("make-all: %s" % err, file=sys.stderr)
        sys.exit(1)
