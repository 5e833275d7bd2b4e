# SPDX-License-Identifier: Apache-2.0
"""Line charts as SVG, both axes logarithmic. They show on light and on dark pages.

Format reference: SVG 1.1. Not handled: values of zero and below.
"""
import math
from html import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 220, 36, 44
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf")
GREY = "#888888"


def size_text(n):
    for unit in ("", "K", "M", "G", "T"):
        if n < 1024:
            return "%g %siB" % (n, unit)
        n /= 1024
    return "%g PiB" % n


class Axis:
    """Maps [low, high] to pixels; ticks are the powers of BASE within, and the ends of the data
    are rounded out to them."""

    def __init__(self, values, base, start, end):
        self.base = base
        self.low = math.floor(math.log(min(values), base) + 1e-9)
        self.high = max(math.ceil(math.log(max(values), base) - 1e-9), self.low + 1)
        self.start, self.end = start, end

    def at(self, value):
        part = (math.log(value, self.base) - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)

    def ticks(self):
        step = 1 + (self.high - self.low) // 9
        return [self.base ** i for i in range(self.low, self.high + 1, step)]


def text(x, y, words, anchor="start", colour=GREY, turn=""):
    return '<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s"%s>%s</text>' % (
        x, y, anchor, colour, turn, escape(words))


def chart(title, y_title, series):
    """SERIES: {name: [(bytes, value)]}."""
    points = [p for line in series.values() for p in line]
    x = Axis([p[0] for p in points], 2, LEFT, WIDTH - RIGHT)
    y = Axis([p[1] for p in points], 10, HEIGHT - BOTTOM, TOP)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" '
           'font-size="12">' % (WIDTH, HEIGHT), "<title>%s</title>" % escape(title),
           text(LEFT, 20, title)]
    for tick in x.ticks():
        out.append('<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="%s" stroke-opacity="0.25"/>'
                   % (x.at(tick), x.at(tick), TOP, HEIGHT - BOTTOM, GREY))
        out.append(text(x.at(tick), HEIGHT - BOTTOM + 18, size_text(tick), "middle"))
    for tick in y.ticks():
        out.append('<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="%s" stroke-opacity="0.25"/>'
                   % (LEFT, WIDTH - RIGHT, y.at(tick), y.at(tick), GREY))
        out.append(text(LEFT - 6, y.at(tick) + 4, "%g" % tick, "end"))
    out.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "memory in the dump", "middle"))
    out.append(text(16, HEIGHT / 2, y_title, "middle",
                    turn=' transform="rotate(-90 16 %d)"' % (HEIGHT // 2)))
    for i, (name, line) in enumerate(series.items()):
        colour = COLOURS[i % len(COLOURS)]
        places = [(x.at(a), y.at(b)) for a, b in sorted(line)]
        out.append('<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>' % (
            colour, " ".join("%.1f,%.1f" % p for p in places)))
        out += ['<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (*p, colour) for p in places]
        out.append(text(WIDTH - RIGHT + 12, TOP + 14 + 18 * i, name, colour=colour))
    return "\n".join(out + ["</svg>", ""])
