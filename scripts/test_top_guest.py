#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Judge, and draw, what scripts/top.guest recorded.

Usage: scripts/test_top_guest.py DIR

Prints TAP. Makes DIR/shell.csv, and heap.svg and heap.html of the shell's
recording.
"""

import json
import os
import sys
import xml.etree.ElementTree as ET
from contextlib import nullcontext

sys.dont_write_bytecode = True
import tap              # noqa: E402  pylint: disable=wrong-import-position
import test_top as t    # noqa: E402  pylint: disable=wrong-import-position

test = tap.Tests()

MIB = 1 << 20


@test("The shell's recording becomes a CSV, and a picture that agrees with it")
def _(where):
    path = where + "/shell.csv"
    t.run(t.PLOT, "record", "--from", where + "/stream", path, quiet=False)
    for name in "heap.svg", "heap.html":
        t.run(t.PLOT, "draw", path, "-o", os.path.join(where, name),
              "--title", "gomem: a spike, and memory going back")
    t.agrees(ET.parse(where + "/heap.svg").getroot(), t.rows_of(path))


@test("So does gomem-plot's own")
def _(where):
    path = where + "/live.csv"
    t.agrees(t.drawn(path), t.rows_of(path))


@test("Both saw the spike, and all of it go")
def _(where):
    for name in "shell", "live":
        rows = t.rows_of(f"{where}/{name}.csv")
        tap.true(len(rows) >= 20, f"{name}: {len(rows)} rows")
        alloc = [int(r["HeapAlloc"]) for r in rows]
        tap.true(alloc[0] < MIB and max(alloc) > 16 * MIB, f"{name}: {alloc}")
        tap.same(alloc[-1], 0, name)
        tap.true(int(rows[-1]["HeapReleased"]) > MIB, f"{name}: nothing went back")
        for row in rows:
            tap.same(int(row["HeapSys"]), int(row["HeapIdle"]) + int(row["HeapInuse"]), name)


@test("The last row is what the kernel said last")
def _(where):
    with open(where + "/last.json", encoding="ascii") as file:
        said = json.load(file)
    for name in "shell", "live":
        row = t.rows_of(f"{where}/{name}.csv")[-1]
        for field in "Mallocs", "Frees", "TotalAlloc", "HeapSys":
            tap.same(int(row[field]), said[field], f"{name}: {field}")


@test("What the picture says of memory given back")
def _(where):
    rows = t.rows_of(where + "/shell.csv")
    values = [int(r["HeapReleased"]) for r in rows]
    svg = ET.parse(where + "/heap.svg").getroot()
    tap.same(int(t.find(svg, "data-events", "scavenge")[0].get("data-total")),
             sum(max(b - a, 0) for a, b in zip(values, values[1:])))


@test("gomemtop saw rates, in all and by class")
def _(where):
    with open(where + "/top.json", encoding="ascii") as file:
        said = json.load(file)
    tap.true(said["interval"] >= 0.5, f"interval {said['interval']}")
    tap.true(said["rates"]["allocs"] > 1000, f"rates {said['rates']}")
    # The sum over the classes is read at another moment; it is near.
    share = sum(r["alloc_rate"] for r in said["classes"]) / said["rates"]["allocs"]
    tap.true(0.5 < share < 2, f"the classes have {share} of it")
    text = t.text_of(where + "/top.txt")
    tap.true("B/s" in text and "CACHED" in text, text)


@test("The pictures are XML, and show the heap and the classes")
def _(where):
    for name in "gomemtop", "gomemtop-waste":
        svg = ET.parse(f"{where}/{name}.svg").getroot()
        words = svg.find(t.SVG + "desc").text
        tap.true("every 2 s" in words and "alloc " in words and "q quit" in words, words)


def main():
    """Run them."""
    where, = tap.words(__doc__, 1)
    return test.run(lambda: nullcontext(where))


if __name__ == "__main__":
    sys.exit(main())
