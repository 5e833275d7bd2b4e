#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks of map.sh: map_check.py WHAT ARGUMENTS... Exit 0, or a line that says what is wrong.

Reads SVG as XML and PNG by its specification (W3C PNG), and compares the two pixel by pixel.
"""
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import xml.etree.ElementTree as ET
import zlib

HOLDINGS = ("in_dump", "left_out", "lost", "no_data")
LETTERS = dict(kernel="k", cache="c", private="p", user="u", free="f", freed="r", hwpoison="x",
               offline="o", unknown="?")
LETTERS["no-record"] = "n"
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
MARK = re.compile(r"^(?: *\d+)? +([0-9a-f]+) (.*)$")


def same(got, want, what):
    if got != want:
        sys.exit("%s: %r, expected %r" % (what, got, want))


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def lines(path):
    with open(path, encoding="utf-8") as f:
        return [ESCAPE.sub("", line) for line in f.read().split("\n")]


def map_lines(path):
    """(address, cells) of every row: what stands between the two empty lines."""
    text = lines(path)
    first = text.index("")
    rows = text[first + 1:text.index("", first + 1)]
    return [(int(m.group(1), 16), m.group(2)) for m in map(MARK.match, ("  " + r for r in rows))
            if m]


def width(limit, path):
    for line in lines(path):
        if len(line) > int(limit) or line != line.rstrip():
            sys.exit("%d columns, or blanks at the end: %r" % (len(line), line))


def rows(limit, path):
    found = map_lines(path)
    longest = max(len(r) for _, r in found)
    lead = len("17fff000 ")
    if not found or longest + lead > int(limit) or 2 * longest + lead <= int(limit):
        sys.exit("%d cells in a row, of %s columns" % (longest, limit))


def usage(path, info, *wanted):
    """Every sum of --mem-usage, against itself and against dumpinfo's own counts."""
    u, seen = load(path), load(info)
    classes = {c["class"]: c for c in u["classes"]}
    same(sum(c["pages"] for c in classes.values()), u["pages"], "pages of the classes")
    same(sum(c["pages"] for n, c in classes.items() if n != "no-record"), u["records"], "records")
    same(u["pages"] * u["page_size"], u["bytes"], "bytes")
    for c in classes.values():
        same(sum(c[h] for h in HOLDINGS), c["pages"], "holdings of " + c["class"])
        same(c["pages"] * u["page_size"], c["bytes"], "bytes of " + c["class"])
    for h in HOLDINGS:
        same(sum(c[h] for c in classes.values()), u[h], h)
    same(sum(n["pages"] for n in u["nodes"]), u["pages"], "pages of the nodes")
    same(sum(n["in_dump"] for n in u["nodes"]), u["in_dump"], "pages in the dump of the nodes")
    for name, c in classes.items():
        same(sum(n["classes"][name] for n in u["nodes"]), c["pages"], name + " of the nodes")
    same(u["in_dump"], seen["pages"]["present"], "present pages")
    same(u["left_out"], seen["pages"]["excluded"], "excluded pages")
    same(u["lost"], seen["pages"]["lost"], "lost pages")
    for want in wanted:
        names, number = want.split("=")
        same(sum(classes[n]["pages"] for n in names.split("+")), int(number), names)
    for name, levels in dict(kernel=[], cache=[2, 4], private=[4], user=[8], free=[16]).items():
        same(classes[name]["dropped_by"], levels, "levels of " + name)
    same(abs(sum(c["share"] for c in classes.values()) - 1) < 0.001, True, "shares add up")


def cells(path, usage_path):
    m, u = load(path), load(usage_path)
    size, at = m["cell_bytes"], -1
    same(size & (size - 1), 0, "cell size, a power of two")
    sums = dict.fromkeys(LETTERS, 0)
    for cell in m["cells"]:
        start = int(cell["start"], 16)
        same(start % size == 0 and start > at, True, "cell at 0x%x" % start)
        at = start
        pages = sum(cell["pages"].values())
        same(0 < pages <= size // m["page_size"], True, "pages at 0x%x" % start)
        same(cell["in_dump"] + cell["not_in_dump"], pages, "holdings at 0x%x" % start)
        most = max(cell["pages"].values())
        same(cell["pages"][cell["class"]], most, "most of the cell at 0x%x" % start)
        for name, n in cell["pages"].items():
            sums[name] += n
    same(sums, {c["class"]: c["pages"] for c in u["classes"]}, "pages of the cells")
    for holding in ("in_dump", "lost", "no_data"):
        same(sum(c[holding] for c in m["cells"]), u[holding], holding)
    same(m["classes"], u["classes"], "classes")


def letters(path, map_path):
    """The terminal's grid is the one of JSON: every letter is its cell's class."""
    m = load(map_path)
    want = {int(c["start"], 16): c for c in m["cells"]}
    for row, text in map_lines(path):
        for column, letter in enumerate(text):
            at = row + column * m["cell_bytes"]
            if letter == " ":
                same(at in want, False, "cell at 0x%x" % at)
                continue
            cell = want.pop(at)
            same(letter.lower(), LETTERS[cell["class"]], "letter at 0x%x" % at)
            if cell["in_dump"] == 0 or cell["not_in_dump"] == 0:
                same(letter.isupper(), cell["in_dump"] > 0, "case at 0x%x" % at)
    same(sorted(want), [], "cells without a letter")


def uncolored(path, plain):
    with open(path, encoding="utf-8") as f:
        same("\x1b[" in f.read(), True, "colors")
    same(lines(path), lines(plain), "text without its colors")


def blocks(path, map_path):
    """Two cells in a character: where JSON has cells of one kind, the color is that kind's."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    number, unit = re.search(r"one square ([0-9.]+) (\w+),", text).groups()
    size = int(float(number) * {"KiB": 1 << 10, "MiB": 1 << 20}[unit])
    seen = {}
    for line in text.split("\n"):
        m = re.match(r"^ *([0-9a-f]+) (\x1b.*)$", line)
        if not m or "█" in line:
            continue
        row, color, column = int(m.group(1), 16), {"38": None, "48": None}, 0
        for code, char in re.findall(r"\x1b\[([0-9;]*)m|([ ▀▄])", m.group(2)):
            if code in ("39", "49"):
                color["38" if code == "39" else "48"] = None
            elif code:
                color[code[:2]] = code[3:]
            else:
                halves = {"▀": ("38", "48"), "▄": ("48", "38"), " ": ("48", "48")}[char]
                for half in (0, 1):
                    seen[row + (64 * half + column) * size] = color[halves[half]]
                column += 1
    kinds, m = {}, load(map_path)
    for cell in m["cells"]:
        if len(cell["pages"]) > 1 or (cell["in_dump"] and cell["not_in_dump"]):
            continue
        kind, start = (cell["class"], cell["in_dump"] > 0), int(cell["start"], 16)
        for at in range(start, start + m["cell_bytes"], size):
            same(seen.get(at), kinds.setdefault(kind, seen.get(at)), "color at 0x%x" % at)
    same(len(kinds) >= 4 and None not in kinds.values(), True, "kinds")
    same(len(set(kinds.values())), len(kinds), "colors of %r" % kinds)
    same(kinds[("kernel", True)] in ("2;0;114;178", "5;26"), True, "the kernel's color")
    known = sum(sum(c["pages"].values()) for c in m["cells"]) * m["page_size"]
    drawn = sum(1 for c in seen.values() if c) * size
    same(known <= drawn < known + 32 * size, True, "%d bytes are drawn" % drawn)


def run_in_terminal(columns, command, **env):
    lead, follow = pty.openpty()
    fcntl.ioctl(follow, termios.TIOCSWINSZ, struct.pack("HHHH", 60, columns, 0, 0))
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=follow,
                          env=dict(os.environ, **env)) as child:
        os.close(follow)
        text = b""
        while True:
            try:
                piece = os.read(lead, 65536)
            except OSError:
                break
            if not piece:
                break
            text += piece
    same(child.returncode, 0, "exit code")
    os.close(lead)
    return text.decode().replace("\r", "")


def terminal(*command):
    """A terminal gets color unless it is dumb or NO_COLOR is set, and as wide as it is."""
    text = run_in_terminal(150, command, TERM="xterm-256color", LC_ALL="C.UTF-8")
    same("\x1b[38;5;" in text and "▀" in text, True, "color in a terminal")
    longest = max(len(ESCAPE.sub("", line)) for line in text.split("\n"))
    same(128 < longest <= 150, True, "%d columns of 150" % longest)
    for env in (dict(TERM="dumb"), dict(TERM="xterm", NO_COLOR="1")):
        same("\x1b" in run_in_terminal(80, command, **env), False, "color with %r" % env)


def read_png(path):
    """Width, height and the rows as lists of 0xRRGGBB."""
    with open(path, "rb") as f:
        data = f.read()
    same(data[:8], b"\x89PNG\r\n\x1a\n", "signature")
    at, chunks = 8, []
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        same(struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0],
             zlib.crc32(kind + body), "checksum of %r" % kind)
        chunks.append((kind, body))
        at += 12 + length
    kinds = [k for k, _ in chunks]
    same((kinds[:2], set(kinds[2:-1]), kinds[-1]), ([b"IHDR", b"PLTE"], {b"IDAT"}, b"IEND"),
         "chunks")
    w, h, *kind = struct.unpack(">IIBBBBB", chunks[0][1])
    same(kind, [8, 3, 0, 0, 0], "kind of image")
    packed = chunks[1][1]
    palette = [int.from_bytes(packed[i:i + 3], "big") for i in range(0, len(packed), 3)]
    pixels = zlib.decompress(b"".join(b for k, b in chunks if k == b"IDAT"))
    same(len(pixels), h * (w + 1), "bytes of pixels")
    lines_ = [pixels[i:i + w + 1] for i in range(0, len(pixels), w + 1)]
    same({line[0] for line in lines_}, {0}, "filters")
    return w, h, [[palette[p] for p in line[1:]] for line in lines_]


def read_svg(path):
    """Width, height, rectangles (x, y, w, h, color, tip) and the texts."""
    if os.path.getsize(path) >= 1 << 20:
        sys.exit("%s: %d bytes" % (path, os.path.getsize(path)))
    space = "{http://www.w3.org/2000/svg}"
    root = ET.parse(path).getroot()
    same(root.tag, space + "svg", "root")
    found = []
    for e in root.iter(space + "path"):
        m = re.fullmatch(r"M(\d+) (\d+)h(\d+)v(\d+)h-(\d+)z", e.get("d"))
        same(m.group(3), m.group(5), "rectangle")
        tip = e.find(space + "title")
        found.append(tuple(map(int, m.groups()[:4])) + (int(e.get("fill")[1:], 16),
                                                        None if tip is None else tip.text))
    return (int(root.get("width")), int(root.get("height")), found,
            [e.text for e in root.iter(space + "text")])


def pictures(svg, png, usage_path):
    """The two pictures agree where rectangles are, and draw all the memory."""
    u = load(usage_path)
    width_, height, found, words = read_svg(svg)
    w, h, pixels = read_png(png)
    same((w, h), (width_, height), "size of the pictures")
    for c in u["classes"]:
        same(c["class"] in words, c["pages"] > 0, c["class"] + " in the legend")
    grid = [r for r in found if r[5] and r[5].startswith("0x")]
    starts = [int(r[5].split(" ")[0], 16) for r in grid]
    same(starts, sorted(set(starts)), "addresses of the rectangles")
    unit = next(t for t in words if t.startswith("one square "))
    number, scale = unit.split(" ")[2:4]
    size = float(number) * {"KiB,": 1 << 10, "MiB,": 1 << 20, "GiB,": 1 << 30}[scale]
    covered = sum(r[2] for r in grid) // 7 * size
    same(u["bytes"] <= covered < u["bytes"] + 32 * size, True, "%d bytes are drawn" % covered)
    for x, y, wide, high, color, tip in grid:
        seen = {p for row in pixels[y:y + high] for p in row[x:x + wide]}
        same(seen, {color}, "PNG at %d,%d (%s)" % (x, y, tip))
    ink = sum(p == 0x222222 for row in pixels for p in row)
    same(ink > 1000, True, "letters in the PNG")
    top, bottom = min(r[1] for r in grid), max(r[1] + r[3] for r in grid)
    left = min(r[0] for r in grid)
    drawn = sum(p != 0xffffff for row in pixels[top:bottom] for p in row[left:left + 896])
    same(drawn, sum(r[2] * r[3] for r in grid), "pixels of the grid")


def lost(path):
    u = load(path)
    same(u["lost"] > 0 and sum(u[h] for h in HOLDINGS) == u["pages"], True, "lost pages")


def unknown(path, pages):
    u = load(path)
    same(bool(u["unknown_why"]), True, "reason")
    same({c["class"]: c["pages"] for c in u["classes"] if c["pages"]}, {"unknown": int(pages)},
         "pages")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
