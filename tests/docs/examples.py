#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every example of the manuals and of README.md, run in order, one folder a document.

usage: examples.py [DOCUMENT...]   (default: all pages built, and README.md)
Environment: DUMPIO_BIN (the tools; manuals and library lie beside), DUMPIO_SCRATCH.

"$ COMMAND" is run and has to succeed; lines below it are its output, "..." any number of lines. A
C program in a manual is compiled against the library and run. `vmcore` is the dump of tests/data;
`ssh HOST COMMAND` runs the command here. A picture in a .md document is what its examples make.
"""
import filecmp
import glob
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BIN = os.environ["DUMPIO_BIN"]
BUILD = os.path.dirname(BIN)
SCRATCH = os.environ["DUMPIO_SCRATCH"]
ROFF = {"\\-": "-", "\\e": "\\", "\\&": "", "\\(aq": "'", "\\(dq": '"'}


def plain(text):
    """Text of a manual as it is read."""
    return re.sub(r"\\(-|e|&|\(aq|\(dq)", lambda m: ROFF[m.group(0)], text)


def blocks(path):
    """The literal blocks of a document: of .EX and .EE, or indented by four blanks."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if path.endswith(".md"):
        for m in re.finditer(r"(?:^    .*\n|^\n(?=    ))+", text, re.M):
            yield re.sub(r"^    ", "", m.group(0), flags=re.M).strip("\n")
    else:
        for m in re.finditer(r"^\.EX\n(.*?)^\.EE$", text, re.M | re.S):
            yield plain(m.group(1)).strip("\n")


def examples(block):
    """(command, [lines of output shown])"""
    found = []
    for line in block.split("\n"):
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    return found


def matches(shown, output):
    """Is the output what is shown of it? Nothing shown: any."""
    pattern = "".join("(?:.*\n)*?" if line == "..." else re.escape(line) + "\n" for line in shown)
    return not any(shown) or re.fullmatch(pattern, output) is not None


def run_command(command, shown):
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        return "exit %d: %s" % (done.returncode, done.stderr.strip()[:300])
    if not matches(shown, done.stdout):
        return "shows\n%s\nand prints\n%s" % ("\n".join(shown), done.stdout)
    return None


def run_program(source):
    with open("example.c", "w", encoding="utf-8") as f:
        f.write(source + "\n")
    library = os.path.join(BUILD, "libdumpio")
    for command in (["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-o", "example", "example.c",
                     "-I", os.path.join(ROOT, "libdumpio", "include"), "-L", library, "-ldumpio",
                     "-Wl,-rpath," + library], ["./example", "vmcore"]):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode or (command[0] != "cc" and not done.stdout):
            return "%s: exit %d: %s" % (command[0], done.returncode, done.stdout[:400])
    return None


def old_pictures(path):
    """Pictures of a .md document that its own examples make differently now, or not at all."""
    with open(path, encoding="utf-8") as f:
        links = re.findall(r"!\[[^]]*\]\(([^)]+)\)", f.read()) if path.endswith(".md") else []
    for link in links:
        made = os.path.basename(link)
        shown = os.path.join(os.path.dirname(path), link)
        if not os.path.exists(made) or not filecmp.cmp(made, shown, shallow=False):
            yield link


def run_document(path):
    """The number of examples; failures are printed and counted."""
    folder = os.path.join(SCRATCH, os.path.basename(path))
    os.makedirs(folder)
    os.chdir(folder)
    os.symlink(os.path.join(SCRATCH, "vmcore"), "vmcore")
    count = failures = 0
    for block in blocks(path):
        tried = [(c, run_command(c, shown)) for c, shown in examples(block)]
        if block.startswith("#include"):
            tried.append(("the program", run_program(block)))
        for what, why in tried:
            count += 1
            if why:
                failures += 1
                print("FAILED: %s: %s: %s" % (os.path.basename(path), what, why))
    for link in old_pictures(path):
        failures += 1
        print("FAILED: %s: %s is not what its example makes" % (os.path.basename(path), link))
    os.chdir(SCRATCH)
    shutil.rmtree(folder)
    return count, failures


def prepare():
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.makedirs(os.path.join(SCRATCH, "bin"))
    dump = os.path.join(ROOT, "tests", "data", "vmcore-x86_64-6.1.kdump.zst")
    subprocess.run(["zstd", "-q", "-d", "--long=27", dump, "-o", os.path.join(SCRATCH, "vmcore")],
                   check=True)
    shim = os.path.join(SCRATCH, "bin", "ssh")
    with open(shim, "w", encoding="utf-8") as f:
        f.write('#!/bin/sh\nshift\nexec sh -c "$*"\n')
    os.chmod(shim, 0o755)
    os.environ["PATH"] = ":".join([BIN, os.path.join(SCRATCH, "bin"), os.environ["PATH"]])


def main(documents):
    documents = [os.path.abspath(d) for d in documents] or \
        sorted(glob.glob(os.path.join(BUILD, "man", "*.[1-8]"))) + [os.path.join(ROOT, "README.md")]
    prepare()
    results = [run_document(d) for d in documents]
    for path, (count, _) in zip(documents, results):
        if not count:
            print("FAILED: %s: no example" % path)
    bad = sum(f for _, f in results) + sum(not c for c, _ in results)
    tried = sum(c for c, _ in results)
    print("%d documents, %d examples, %d failures" % (len(documents), tried, bad))
    shutil.rmtree(SCRATCH)
    return 1 if bad or not documents else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
