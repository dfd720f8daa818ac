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
import traceback
import xml.etree.ElementTree as ET

sys.dont_write_bytecode = True
import test_top as t    # noqa: E402  pylint: disable=wrong-import-position

MIB = 1 << 20


def shell(where):
    """The shell's recording becomes a CSV, and a picture that agrees with it."""
    path = where + "/shell.csv"
    t.run(t.PLOT, "record", "--from", where + "/stream", path, quiet=False)
    for name in "heap.svg", "heap.html":
        t.run(t.PLOT, "draw", path, "-o", os.path.join(where, name),
              "--title", "gomem: a spike, and memory going back")
    t.agrees(ET.parse(where + "/heap.svg").getroot(), t.rows_of(path))


def live(where):
    """So does gomem-plot's own."""
    path = where + "/live.csv"
    t.agrees(t.drawn(path), t.rows_of(path))


def spike(where):
    """Both saw the spike, and all of it go."""
    for name in "shell", "live":
        rows = t.rows_of(f"{where}/{name}.csv")
        t.true(len(rows) >= 20, f"{name}: {len(rows)} rows")
        alloc = [int(r["HeapAlloc"]) for r in rows]
        t.true(alloc[0] < MIB and max(alloc) > 16 * MIB, f"{name}: {alloc}")
        t.same(alloc[-1], 0, name)
        t.true(int(rows[-1]["HeapReleased"]) > MIB, f"{name}: nothing went back")
        for row in rows:
            t.same(int(row["HeapSys"]), int(row["HeapIdle"]) + int(row["HeapInuse"]), name)


def last(where):
    """The last row is what the kernel said last."""
    with open(where + "/last.json", encoding="ascii") as file:
        said = json.load(file)
    for name in "shell", "live":
        row = t.rows_of(f"{where}/{name}.csv")[-1]
        for field in "Mallocs", "Frees", "TotalAlloc", "HeapSys":
            t.same(int(row[field]), said[field], f"{name}: {field}")


def released(where):
    """What the picture says of memory given back."""
    rows = t.rows_of(where + "/shell.csv")
    values = [int(r["HeapReleased"]) for r in rows]
    svg = ET.parse(where + "/heap.svg").getroot()
    t.same(int(t.find(svg, "data-events", "scavenge")[0].get("data-total")),
           sum(max(b - a, 0) for a, b in zip(values, values[1:])))


def top(where):
    """gomemtop saw rates, in all and by class."""
    with open(where + "/top.json", encoding="ascii") as file:
        said = json.load(file)
    t.true(said["interval"] >= 0.5, f"interval {said['interval']}")
    t.true(said["rates"]["allocs"] > 1000, f"rates {said['rates']}")
    # The sum over the classes is read at another moment; it is near.
    share = sum(r["alloc_rate"] for r in said["classes"]) / said["rates"]["allocs"]
    t.true(0.5 < share < 2, f"the classes have {share} of it")
    text = t.text_of(where + "/top.txt")
    t.true("B/s" in text and "CACHED" in text, text)


def pictures(where):
    """The pictures are XML, and show the heap and the classes."""
    for name in "gomemtop", "gomemtop-waste":
        svg = ET.parse(f"{where}/{name}.svg").getroot()
        words = svg.find(t.SVG + "desc").text
        t.true("every 2 s" in words and "alloc " in words and "q quit" in words, words)


def main():
    """Run them."""
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2
    failed = 0
    for number, function in enumerate((shell, live, spike, last, released, top, pictures), 1):
        try:
            function(sys.argv[1])
            result = "ok"
        except Exception:       # pylint: disable=broad-except
            failed += 1
            result = "not ok"
            for line in traceback.format_exc().splitlines()[-4:]:
                print("# " + line[:300])
        print(f"{result} {number} - {function.__doc__.rstrip('.')}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
