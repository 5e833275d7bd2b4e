#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The dependency rules of docs/architecture.md, kept by looking at the includes of every file.

usage: rules.py [ROOT]
  ROOT  the source tree (default: the one this file is in)

Nothing is built, but the public header is compiled alone, as C11 and as C++. At the end the rules
are broken on purpose, to see that each of them would notice.
"""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TEXT = (".c", ".h", ".py", ".sh", ".cmake", ".in", ".spec", ".md", ".txt", ".map")
CODE = (".c", ".h", ".py", ".sh", ".cmake")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
SYSTEM = re.compile(
    r"(assert|ctype|errno|fcntl|float|inttypes|limits|locale|math|pthread|sched|setjmp|signal|"
    r"stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|strings|threads|time|unistd|"
    r"dirent|poll|getopt|sys/[a-z]+|linux/[a-z]+)\.h$")
IO_OR_THREADS = re.compile(
    r"<(stdio|unistd|fcntl|pthread|threads|sys/(stat|mman|types|uio|ioctl)|dirent|poll)\.h>")
# A place on somebody's machine, or a tool that is not part of the project.
PLACES = re.compile(r"/home/\w|/dev/shm/[a-z]+/|/var/tmp/[a-z]+/")
# Folders: what their files may include, as a path from the root (prefixes).
PUBLIC = "libdumpio/include/dumpio/"
PLUG = "libdumpio/plug/"


def files(root):
    """Every text file of the tree, as paths from the root."""
    for folder, dirs, names in os.walk(root):
        dirs[:] = sorted(d for d in dirs if not d.startswith((".", "build", "__pycache__")))
        for name in sorted(names):
            if name.endswith(TEXT) or name == "CMakeLists.txt":
                yield os.path.relpath(os.path.join(folder, name), root)


class Tree:
    """The texts, and the includes of C files as (line, kind, name, path from the root or None)."""

    def __init__(self, root):
        self.root, self.text, self.includes = root, {}, {}
        for path in files(root):
            with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
                self.text[path] = f.read()
        for path in self.text:
            if path.endswith((".c", ".h")):
                self.includes[path] = [self._include(path, m)
                                       for m in INCLUDE.finditer(self.text[path])]

    def _include(self, path, match):
        line = self.text[path].count("\n", 0, match.start()) + 1
        name, here = match.group(2), os.path.dirname(path)
        for folder in (here, "libdumpio", "libdumpio/include", "libdumpio/plug", "tools", "formats",
                       "tests/unit"):
            target = os.path.normpath(os.path.join(folder, name))
            if target in self.text and (match.group(1) == '"' or
                                             target.startswith(PUBLIC)):
                return line, match.group(1), name, target
        return line, match.group(1), name, None

    def under(self, *folders):
        return [p for p in self.includes if p.startswith(folders)]


def only_from(tree, folder, allowed):
    """Project headers that files of FOLDER include from elsewhere than ALLOWED."""
    for path in tree.under(folder):
        for line, _, name, target in tree.includes[path]:
            if target and not target.startswith(allowed):
                yield "%s:%d: includes %s" % (path, line, target)
            elif not target and not SYSTEM.match(name) and "/" in name and ".." in name:
                yield "%s:%d: includes %s, which leads out" % (path, line, name)


def tools_see_the_public_header_only(tree):
    yield from only_from(tree, "tools/", (PUBLIC, "tools/"))


def formats_see_plug_only(tree):
    yield from only_from(tree, "formats/", (PUBLIC, PLUG, "formats/"))


def crypto_sees_plug_only(tree):
    yield from only_from(tree, "crypto/", (PUBLIC, PLUG, "crypto/"))


def codecs_see_plug_only(tree):
    yield from only_from(tree, "libdumpio/codecs/", (PUBLIC, PLUG, "libdumpio/codecs/"))


def layers_see_no_core(tree):
    yield from only_from(tree, "libdumpio/layers/", (PUBLIC, PLUG, "libdumpio/layers/",
                                                     "libdumpio/io/"))


def kernel_knows_no_file_format(tree):
    yield from only_from(tree, "libdumpio/kernel/", (PUBLIC, PLUG, "libdumpio/kernel/"))
    for path in tree.under("libdumpio/kernel/"):
        for line, _, name, _ in tree.includes[path]:
            if os.path.basename(name) in ("format.h", "bytes.h", "out.h"):
                yield "%s:%d: includes %s" % (path, line, name)


def plug_sees_plug_only(tree):
    yield from only_from(tree, PLUG, (PUBLIC, PLUG))


def core_sees_no_format(tree):
    for path in tree.under("libdumpio/"):
        for line, _, _, target in tree.includes[path]:
            if target and target.startswith(("formats/", "tools/", "tests/", "crypto/")):
                yield "%s:%d: includes %s" % (path, line, target)


def core_names_no_format(tree):
    """dio_format_NAME belongs to formats/ and the generated table."""
    for path in tree.under("libdumpio/", "tools/"):
        for match in re.finditer(r"\bdio_format_(\w+)", tree.text[path]):
            known = ("by_name", "codec", "info", "flags", "at")
            if match.group(1) not in known and 'dio_format_NAME' != match.group(0):
                line = tree.text[path].count("\n", 0, match.start()) + 1
                yield "%s:%d: names %s" % (path, line, match.group(0))


def formats_do_no_io(tree):
    """No codec library, file descriptor, thread or stream; stdio.h for snprintf alone."""
    stream = re.compile(r"\b(f?printf|fopen|fread|fwrite|puts|fputs|open|pread|pwrite|lseek|"
                        r"thrd_create|pthread_create)\s*\(")
    for path in tree.under("formats/"):
        for line, kind, name, _ in tree.includes[path]:
            if IO_OR_THREADS.match("<%s>" % name) and name != "stdio.h":
                yield "%s:%d: includes <%s>" % (path, line, name)
        code = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group(0).count("\n"), tree.text[path],
                      flags=re.S)
        code = re.sub(r'"(\\.|[^"\\])*"', '""', code)
        for match in stream.finditer(code):
            before = code[:match.start()].rstrip()
            if before.endswith((".", "->", "*")) or re.search(r"\b(int|void)$", before):
                continue
            yield "%s:%d: calls %s" % (path, code.count("\n", 0, match.start()) + 1,
                                       match.group(1))


def third_party_headers_once(tree):
    """Every header that is neither ours nor the system's is included by one .c file: of the
    containers, of crypto/, of tools/, of all else."""
    for component in (("libdumpio/layers/",), ("crypto/",), ("tools/",), ("libdumpio/", "formats/")):
        users = {}
        for path in tree.under(*component):
            if component[0] == "libdumpio/" and path.startswith("libdumpio/layers/"):
                continue
            for _, kind, name, target in tree.includes[path]:
                if kind == "<" and not target and not SYSTEM.match(name):
                    users.setdefault(name, []).append(path)
        for name, paths in sorted(users.items()):
            if len(paths) > 1 or not paths[0].endswith(".c"):
                yield "<%s>: included by %s" % (name, ", ".join(paths))


def public_headers_stand_alone(tree):
    include = os.path.join(tree.root, os.path.dirname(os.path.dirname(PUBLIC)))
    for head in tree.under(PUBLIC):
        for compiler, language, std in (("cc", "c", "c11"), ("c++", "c++", "c++11")):
            done = subprocess.run([compiler, "-x", language, "-std=" + std, "-Wall", "-Wextra",
                                   "-Wpedantic", "-Werror", "-fsyntax-only", "-I", include,
                                   os.path.join(tree.root, head)],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode:
                yield "%s as %s: %s" % (head, std, done.stdout.decode(errors="replace").strip())
        for line, _, name, _ in tree.includes[head]:
            if name not in ("stddef.h", "stdint.h", "dumpio/dumpio.h"):
                yield "%s:%d: includes %s" % (head, line, name)


def spdx_line_everywhere(tree):
    for path, text in tree.text.items():
        if path.endswith(CODE) or os.path.basename(path) == "CMakeLists.txt":
            if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(text.split("\n")[:3]):
                yield "%s: no SPDX-License-Identifier in the first three lines" % path


def no_places_of_a_machine(tree):
    for path, text in tree.text.items():
        if os.path.basename(path) == os.path.basename(__file__):
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if PLACES.search(line):
                yield "%s:%d: names a place: %s" % (path, number, line.strip()[:80])


RULES = [tools_see_the_public_header_only, formats_see_plug_only, crypto_sees_plug_only,
         codecs_see_plug_only, layers_see_no_core, kernel_knows_no_file_format,
         plug_sees_plug_only, core_sees_no_format, core_names_no_format, formats_do_no_io,
         third_party_headers_once, public_headers_stand_alone, spdx_line_everywhere,
         no_places_of_a_machine]

SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
BREACHES = {
    tools_see_the_public_header_only: {"tools/x.c": '#include "plug/error.h"\n'},
    formats_see_plug_only: {"formats/x.c": '#include "dump.h"\n'},
    crypto_sees_plug_only: {"crypto/x.c": '#include "../formats/elf.h"\n'},
    codecs_see_plug_only: {"libdumpio/codecs/x.c": '#include "../dump.h"\n'},
    layers_see_no_core: {"libdumpio/layers/x.c": '#include "dump.h"\n'},
    kernel_knows_no_file_format: {"libdumpio/kernel/x.c": '#include "plug/format.h"\n'},
    plug_sees_plug_only: {"libdumpio/plug/x.h": '#include "../dump.h"\n'},
    core_sees_no_format: {"libdumpio/x.c": '#include "../formats/elf.h"\n'},
    core_names_no_format: {"libdumpio/x.c": "extern int dio_format_elf;\n"},
    formats_do_no_io: {"formats/x.c": 'void f(void) { printf("x"); }\n'},
    third_party_headers_once: {"libdumpio/x.c": "#include <zlib.h>\n",
                               "libdumpio/y.c": "#include <zlib.h>\n"},
    public_headers_stand_alone: {PUBLIC + "dumpio.h": "size_t x(void);\n"},
    spdx_line_everywhere: {"tools/y.c": None},
    no_places_of_a_machine: {"tools/z.c": "/* see /home" + "/x/y */\n"},
}


def breaches():
    """Rules that do not notice their own breach."""
    with tempfile.TemporaryDirectory() as root:
        base = {PUBLIC + "dumpio.h": SPDX + "int x;\n", "libdumpio/dump.h": SPDX, "formats/elf.h": SPDX,
                PLUG + "error.h": SPDX, PLUG + "format.h": SPDX, "tools/a.c": SPDX}
        for rule, broken in BREACHES.items():
            made = {**base, **{p: SPDX + t if t is not None else "int y;\n"
                               for p, t in broken.items()}}
            for path, text in made.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                    f.write(text)
            if not list(rule(Tree(root))):
                yield "%s: does not notice %s" % (rule.__name__, broken)
            for path in made:
                os.remove(os.path.join(root, path))


def main(args):
    root = args[0] if args else os.path.normpath(os.path.join(HERE, "..", ".."))
    tree, bad = Tree(root), []
    if len(tree.under("formats/")) < 3 or len(tree.under("tools/")) < 3:
        bad.append("%s: not the source tree" % root)
    for rule in RULES:
        bad += ["%s: %s" % (rule.__name__, x) for x in rule(tree)]
    bad += breaches()
    bad += ["%s: no breach is tried" % r.__name__ for r in RULES if r not in BREACHES]
    for line in bad:
        print("FAILED: " + line)
    print("%d files, %d rules, %d failures" % (len(tree.text), len(RULES), len(bad)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
