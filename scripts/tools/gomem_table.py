# SPDX-License-Identifier: GPL-2.0
"""Read a recording of gomem-plot in little memory, however long it is.

    table = gomem_table.Table("heap.csv", pixels=700, cells=250)

A recording is read twice: for the times of its rows, which say where each will be
drawn, and then for the values. Of those only what can be seen stays: of a line the
first, last, least and greatest value of each pixel's column, of a size class the most
that it held in each cell of the map.
"""

import bisect
import math
import os
import re
import stat
import sys
import time
from array import array

import gomem_cli
import gomem_files

SCALARS = [name for name in gomem_files.FIELDS
           if name not in gomem_files.RINGS + ("EnableGC", "DebugGC")]
SERIES = ("HeapSys", "HeapInuse", "HeapAlloc", "HeapIdle", "HeapReleased")
LONGEST_LINE = 1 << 20
MOST_WARNINGS = 5
MOST_EVENTS = 500
PATIENCE = 5            # seconds between two words about progress


def lines_of(file):
    """The lines of a text file. What has no ends of lines comes in pieces."""
    return iter(lambda: file.readline(LONGEST_LINE), "")


def numbers(line, columns):
    """The values of a row, or None if it is not one: torn, or of other numbers than
    the kernel has."""
    first, *rest = line.split(",")
    if len(rest) != columns - 1 or not line.endswith("\n"):
        return None
    try:
        when = float(first)
        values = [float(v) if "." in v or "e" in v else int(v) for v in rest]
    except ValueError:
        return None
    if not 0 <= when < gomem_files.TIMES_END or min(values) < 0 or \
       max(values) >= gomem_files.NUMBERS_END:
        return None
    return [when, *values]


class Rows:
    """The rows of a recording, which can be gone through more than once."""

    def __init__(self, path):
        self.path = path
        self.bad = 0
        self.told = False       # of what is no row
        self.passes = 0
        try:
            self.file = open(path, encoding="ascii", errors="replace", newline="\n")
            kind = os.fstat(self.file.fileno()).st_mode
            if stat.S_ISFIFO(kind):
                self.keep()
            elif not stat.S_ISREG(kind):
                raise gomem_cli.Error(f"cannot read {path}: it is no regular file")
            self.bytes = os.fstat(self.file.fileno()).st_size
        except OSError as e:
            raise gomem_cli.Error(f"cannot read {path}: {gomem_cli.reason(e)}") from None
        self.names = self.file.readline(LONGEST_LINE).rstrip("\r\n").split(",")
        missing = {"time", *SCALARS} - set(self.names)
        if missing or self.names[0] != "time":
            raise gomem_cli.Error(f"{path} is no recording of gomem-plot" + (
                f": it has no column {min(missing)}" if missing else ""))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def keep(self):
        """What comes from a pipe comes once."""
        import tempfile     # pylint: disable=import-outside-toplevel

        kept = tempfile.TemporaryFile("w+", encoding="ascii", errors="replace", newline="\n")
        for line in lines_of(self.file):
            kept.write(line)
        self.file.close()
        self.file = kept
        kept.seek(0)

    def __iter__(self):
        """Each row, as numbers. What is no row is left out."""
        self.told, self.bad, done = self.bad > 0, 0, 0
        self.passes += 1
        due = time.monotonic() + PATIENCE
        try:
            self.file.seek(0)
            for number, line in enumerate(lines_of(self.file), 1):
                done += len(line)
                if number % 1000 == 0 and time.monotonic() > due:
                    due += PATIENCE
                    self.progress(done)
                values = numbers(line, len(self.names)) if number > 1 else None
                if values:
                    yield values
                elif number > 1:
                    self.bad += 1
                    if not self.told:
                        self.warn(number)
        except OSError as e:
            raise gomem_cli.Error(f"cannot read {self.path}: {gomem_cli.reason(e)}") from None

    def progress(self, done):
        """A word for whoever waits; there are two passes."""
        if not sys.stderr.isatty():
            return
        part = 50 * (self.passes - 1 + done / max(self.bytes, done))
        gomem_cli.complain(f"{part:.0f} % of {self.path} is done")

    def warn(self, number):
        """Of what is left out, not without end."""
        if self.bad <= MOST_WARNINGS:
            gomem_cli.warn(f"{self.path}: line {number} is not complete; left out")
        elif self.bad == MOST_WARNINGS + 1:
            gomem_cli.warn(f"{self.path}: more such lines are left out")


class Line:
    """The points of one run of a line: (t, value), all or those that can be seen."""

    def __init__(self, every):
        self.every = every
        self.points = []
        self.pixel = self.column = None

    def add(self, pixel, t, value):
        """The next point."""
        point = (t, value)
        if self.every:
            self.points.append(point)
        elif pixel != self.pixel:
            self.end()
            self.pixel = pixel
            self.column = [point, point, point, point]
        else:
            first, _, least, most = self.column
            self.column = [first, point, point if value < least[1] else least,
                           point if value > most[1] else most]

    def end(self):
        """No more of this column of pixels."""
        if self.column:
            self.points += sorted(set(self.column))
        self.column = None


class Lane:
    """Events of a kind: what they add up to, and those that can be told apart."""

    def __init__(self):
        self.total = 0
        self.marks = []         # (t, note, were all of them asked for)
        self.shown = -math.inf

    def add(self, x, step, mark):
        """An event, x pixels from the left."""
        self.total += step
        if x - self.shown >= 1:
            self.marks.append(mark)
            self.shown = x


class Table:
    """What there is to draw of a recording between two times, counted in seconds from
    its first row.

    start    the time of that row
    t0, t1   where the first and the last row are that are drawn
    rows     how many there are
    gaps     [(t, t, why)] where a row does not continue the one before
    lines    name -> [[(t, value)] of each run]
    least, most, last   name -> value
    lanes    "gc", "scavenge" -> Lane
    events   [(t, lane, note)], the first ones of number_of_events
    cells    [(t, t)], the columns of the map
    classes  [(name, [most bytes in each cell])], of those that held something
    """

    def __init__(self, path, pixels, cells, first=None, last=None):
        self.pixels = pixels
        with Rows(path) as rows:
            low = self.take_times(rows, first, last)
            self.begin_cells(cells)
            self.take_values(rows, low)

    # The times, and where rows do not continue each other.

    def take_times(self, rows, first, last):
        """The first pass. Returns how many rows are before those that are drawn."""
        times, self.why = self.first_pass(rows)
        if not times:
            raise gomem_cli.Error(f"{rows.path} has no rows")
        self.start = times[0]
        self.t = self.place(times)
        self.find_gaps()
        low = bisect.bisect_left(self.t, -math.inf if first is None else first)
        high = bisect.bisect_right(self.t, math.inf if last is None else last)
        self.t = self.t[low:high]
        self.why = {i - low: why for i, why in self.why.items() if low < i < high}
        self.rows = len(self.t)
        if self.rows < 2 or self.t[0] == self.t[-1]:
            raise gomem_cli.Error(f"{rows.path} has {self.rows} rows"
                                  + ("" if first is None and last is None else " in that time") +
                                  ", two are needed")
        self.t0, self.t1 = self.t[0], self.t[-1]
        self.breaks = sorted(self.why)
        self.gaps = [(self.t[i - 1], self.t[i], self.why[i]) for i in self.breaks]
        return low

    @staticmethod
    def first_pass(rows):
        """The times, and {row: why} of those before which counters went back."""
        times, why, before = array("d"), {}, None
        which = [rows.names.index(name) for name in ("Mallocs", "Frees", "TotalAlloc")]
        for row in rows:
            counters = [row[i] for i in which]
            if before and any(now < then for now, then in zip(counters, before)):
                why[len(times)] = "gomem was loaded anew"
            times.append(row[0])
            before = counters
        return times, why

    @staticmethod
    def usual(times):
        """The usual time between two rows."""
        # Recording need not wait for it to be loaded.
        import statistics   # pylint: disable=import-outside-toplevel

        steps = array("d", (b - a for a, b in zip(times, times[1:]) if b > a))
        return statistics.median(steps) if steps else 0

    def place(self, times):
        """Give each row its place; a clock that went back goes on instead."""
        usual, shift, before, placed = self.usual(times), 0, None, array("d")
        for i, when in enumerate(times):
            if i and when <= before:
                shift += before - when + usual
                self.why.setdefault(i, "the clock went back")
            placed.append(when - self.start + shift)
            before = when
        return placed

    def find_gaps(self):
        """Where nothing was recorded for long."""
        usual = self.usual(self.t)
        for i in range(1, len(self.t)):
            if self.t[i] - self.t[i - 1] > 5 * usual:
                self.why.setdefault(i, "nothing was recorded")

    # The map's columns.

    def begin_cells(self, most):
        """Set cells, and where each one's rows end."""
        self.cells, self.ends = [], []
        if self.rows > most:
            width, at = (self.t1 - self.t0) / most, 0
            for i in range(most):
                end = bisect.bisect_right(self.t, self.t0 + (i + 1) * width) \
                    if i < most - 1 else self.rows
                if end > at:
                    self.cells.append((self.t0 + i * width, self.t0 + (i + 1) * width))
                    self.ends.append(end)
                at = end
            return
        for i, when in enumerate(self.t):
            # Half way to the neighbours; not into a gap.
            left = when if not i or i in self.why else (self.t[i - 1] + when) / 2
            right = when if i + 1 == self.rows or i + 1 in self.why \
                else (when + self.t[i + 1]) / 2
            self.cells.append((left, right))
            self.ends.append(i + 1)

    # The values.

    def take_values(self, rows, low):
        """The second pass: what is to be seen of each row."""
        self.lines = {name: [] for name in SERIES}
        self.least, self.most, self.last = {}, {}, {}
        self.lanes = {"gc": Lane(), "scavenge": Lane()}
        self.events, self.number_of_events = [], 0
        at = {name: i for i, name in enumerate(rows.names)}
        sizes = self.sizes(rows.names)
        held = {size: [0] * len(self.cells) for size in (*sizes, None)}
        before, cell, seen = None, 0, 0
        for i, row in enumerate(rows, -low):
            if i < 0:
                continue
            if i >= self.rows:
                break
            if i == self.ends[cell]:
                cell += 1
            values = {name: row[at[name]] for name in (*SERIES, "NumGC", "NumForcedGC")}
            self.take_lines(i, values)
            if i and i not in self.why:
                self.take_events(self.t[i], before, values)
            self.take_classes(row, sizes, held, cell, values["HeapAlloc"])
            before, seen = values, i + 1
        if seen != self.rows:
            raise gomem_cli.Error(f"{rows.path} has changed while it was read")
        for runs in self.lines.values():
            runs[-1].end()
            runs[:] = [run.points for run in runs]
        rest = f"> {max(sizes)}" if sizes else "all"
        self.classes = [(rest if size is None else str(size), most)
                        for size, most in held.items() if any(most)]

    @staticmethod
    def sizes(names):
        """{size of a class: its two columns}, by size."""
        found = {int(name[8:]) for name in names if re.fullmatch("mallocs_[0-9]{1,9}", name)
                 and "frees_" + name[8:] in names}
        return {size: (names.index(f"mallocs_{size}"), names.index(f"frees_{size}"))
                for size in sorted(found) if f"mallocs_{size}" in names}

    def x(self, t):
        """How many pixels a time is from the left."""
        return self.pixels * (t - self.t0) / (self.t1 - self.t0)

    def take_lines(self, i, values):
        """A row's points."""
        t = self.t[i]
        pixel = int(self.x(t))
        for name, runs in self.lines.items():
            value = values[name]
            if not i:
                self.least[name] = self.most[name] = value
            self.least[name] = min(self.least[name], value)
            self.most[name] = max(self.most[name], value)
            self.last[name] = value
            if not i or i in self.why:
                if runs:
                    runs[-1].end()
                following = bisect.bisect_right(self.breaks, i)
                end = (self.breaks[following:following + 1] or [self.rows])[0]
                runs.append(Line(end - i <= 4 * self.pixels))
            runs[-1].add(pixel, t, value)

    def take_events(self, t, before, values):
        """Steps from the row before: cycles, and memory that was given back."""
        step = {name: values[name] - before[name]
                for name in ("NumGC", "NumForcedGC", "HeapReleased")}
        if step["NumGC"] > 0:
            forced = f", {step['NumForcedGC']} forced" if step["NumForcedGC"] > 0 else ""
            self.take_event(t, "gc", step["NumGC"], f"{step['NumGC']} reclaim cycle"
                            f"{'s' * (step['NumGC'] > 1)}{forced}",
                            step["NumForcedGC"] == step["NumGC"])
        if step["HeapReleased"] > 0:
            self.take_event(t, "scavenge", step["HeapReleased"],
                            f"{human(step['HeapReleased'])} given back", False)

    def take_event(self, t, lane, step, note, forced):
        """One of them."""
        self.lanes[lane].add(self.x(t), step, (t, note, forced))
        self.number_of_events += 1
        if len(self.events) < MOST_EVENTS:
            self.events.append((t, lane, note))

    @staticmethod
    def take_classes(row, sizes, held, cell, rest):
        """What each class holds; None is what no class of BySize does."""
        for size, (mallocs, frees) in sizes.items():
            live = size * (row[mallocs] - row[frees])
            if live > 0:
                rest -= live
                if live > held[size][cell]:
                    held[size][cell] = live
        if rest > held[None][cell]:
            held[None][cell] = rest


def human(value):
    """Bytes with a unit."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 \
                else f"{value:.1f} {unit}"
        value /= 1024
    return ""
