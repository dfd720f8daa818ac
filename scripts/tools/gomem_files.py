# SPDX-License-Identifier: GPL-2.0
"""Read gomem's files: those of a loaded module, or a saved copy of them.

    reading = gomem_files.read()            # /sys/kernel/debug/gomem, or /proc/gomem
    reading = gomem_files.read("saved")     # a directory with copies
    reading.memstats["HeapAlloc"]           # Go's fields by name
    reading.extra["BadFrees"]               # what gomem counts beside them
    for c in reading.classes: c.size, c.live, c.occupancy

Whatever cannot be read or understood is an Error, whose text is for the user. The
files may be copies from anywhere: each number is looked at, so that what is in a
Reading can be reckoned with, and words are only words (see gomem_cli.printable()).
"""

import json
import math
import os
import re
import stat
import time

from gomem_cli import Error, reason

DEBUGFS = "/sys/kernel/debug/gomem"
PROC = "/proc/gomem"
VERSION = "/sys/module/gomem/version"

# Go's fields, in Go's order, and what they are.
FIELDS = (
    "Alloc", "TotalAlloc", "Sys", "Lookups", "Mallocs", "Frees", "HeapAlloc",
    "HeapSys", "HeapIdle", "HeapInuse", "HeapReleased", "HeapObjects",
    "StackInuse", "StackSys", "MSpanInuse", "MSpanSys", "MCacheInuse",
    "MCacheSys", "BuckHashSys", "GCSys", "OtherSys", "NextGC", "LastGC",
    "PauseTotalNs", "PauseNs", "PauseEnd", "NumGC", "NumForcedGC",
    "GCCPUFraction", "EnableGC", "DebugGC",
)
BY_SIZE = 61
RINGS = ("PauseNs", "PauseEnd")
RING_SIZE = 256
# A file each, with one number; a kernel module without them is an older one.
KNOBS = (
    "gc_percent", "memory_limit", "mem_profile_rate", "scavenge_delay_ms",
)
# A memory_limit of this and more, as Go's greatest number, is none.
NO_LIMIT = 1 << 62
# Greater ones are none of the kernel's, nor later times of ours.
NUMBERS_END = 1 << 64
# A NextGC of this, the greatest one, does not come.
NEVER = NUMBERS_END - 1
TIMES_END = 253402300800        # the year 10000
LARGEST_FILE = 64 << 20


class NotLoaded(Error):
    """Neither is there anything to read, nor is anything wrong."""


class SizeClass:
    """A row of the class table; size and span are None for large objects."""

    NUMBERS = ("mallocs", "frees", "live", "live_bytes", "spans", "free_slots",
               "cached")

    def __init__(self, row):
        self.name, self.size, self.span, self.objects = "large", None, None, None
        if row["class"] != "large":
            self.size, self.span, self.objects = (
                whole(row[name], 1) for name in ("size", "span", "objects"))
            self.name = str(self.size)
        for column in self.NUMBERS:
            setattr(self, column, whole(row[column]))
        # Estimated from samples, "~123"; None when there is no profile.
        self.requested = None if row["requested"] == "-" else \
            whole(row["requested"].lstrip("~"))
        # Spans differ in length.  Earlier tables do not tell.
        self.span_bytes = (whole(row["span_bytes"]) if "span_bytes" in row else
                           self.spans * self.span if self.span else
                           self.live_bytes)

    @property
    def cached_bytes(self):
        """The bytes of what waits in caches; large objects have spans that fit."""
        if self.size is None:
            return self.span_bytes - self.live_bytes
        return self.cached * self.size

    @property
    def occupancy(self):
        """The part of the spans that live objects take, 0 to 1; None: no span."""
        return self.live_bytes / self.span_bytes if self.span_bytes else None


class Site:
    """A call stack and what it holds, estimated from samples.

    stack has the frames, innermost first; age is that of the oldest object, in
    seconds; samples counts the objects that were really seen.
    """

    def __init__(self, row):
        self.size = whole(row["size"])
        self.name = str(self.size) if row["class"] != "0" else "large"
        self.objects = whole(row["objects"])
        self.bytes = whole(row["bytes"])
        self.age = whole(row["oldest_s"])
        self.samples = whole(row["samples"])
        self.stack = []

    @property
    def key(self):
        """What is the same for the same site at another time."""
        return self.name, self.size, tuple(self.stack)

    def add(self, other):
        self.objects += other.objects
        self.bytes += other.bytes
        self.age = max(self.age, other.age)
        self.samples += other.samples


class Reading:
    """All that could be read, at one time.

    memstats  Go's fields: name -> int, float, bool, or a list for the rings
    extra     further names of memstats -> int or float
    by_size   [(size, mallocs, frees)]
    classes   [SizeClass], the last for large objects; None: no such file
    sites     [Site], biggest class first; None: no such file
    rate      bytes between two samples; None: no such file
    modules   [(name, live bytes)], estimated from samples; None: no such file
    version   of the loaded module; None: it does not tell, or this is a copy
    dropped   samples that the profile has lost; None: no such file
    knobs     name -> int, of those that exist
    time      when it was, in seconds since 1970
    dated     the files themselves say so
    """

    def __init__(self, root):
        self.root = root
        self.time = time.time()
        self.dated = False
        self.memstats = {}
        self.extra = {}
        self.by_size = []
        self.classes = None
        self.sites = None
        self.rate = None
        self.modules = None
        self.version = None
        self.dropped = None
        self.knobs = {}


def whole(text, least=0):
    """A number without a fraction, of those that the kernel can have."""
    # Long ones are not even converted.
    if not re.fullmatch("-?[0-9]{1,20}", text) or \
       not least <= int(text) < NUMBERS_END:
        raise ValueError(f"not a number: '{text.strip()[:40]}'")
    return int(text)


def knob(text):
    """The value of a file that has nothing else."""
    return whole(text[:-1], -NUMBERS_END)


def parse_scalar(text):
    """The value of a line of memstats."""
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"[0-9]{1,20}\.[0-9]{1,20}", text):
        return float(text)
    return whole(text, -NUMBERS_END)


def take_time(reading, nanoseconds):
    """What a reading says about when it was."""
    if type(nanoseconds) is not int or not 0 < nanoseconds < TIMES_END * 10**9:
        raise ValueError(f"ReadTime is {str(nanoseconds)[:40]}")
    reading.time, reading.dated = nanoseconds / 1e9, True


def parse_memstats(text, reading):
    """memstats: "Name value" a line, rings as far as they are used, BySize rows."""
    for name, *values in (line.split() for line in text.splitlines() if line):
        if name.startswith("#"):
            continue
        if name == "BySize":
            size, mallocs, frees = map(whole, values)
            reading.by_size.append((size, mallocs, frees))
        elif name in RINGS:
            reading.memstats[name] = [whole(v) for v in values]
        elif re.fullmatch("[A-Z][A-Za-z0-9]*", name):
            if len(values) != 1:
                raise ValueError(f"{name} has not one value")
            value = parse_scalar(values[0])
            if name == "ReadTime":
                take_time(reading, value)
            elif name in FIELDS:
                reading.memstats[name] = value
            else:
                reading.extra[name] = value
        else:
            raise ValueError(f"what is '{name[:40]}'?")
    check_fields(reading)


def parse_json(text, reading):
    """memstats.json: Go's struct as encoding/json writes it."""
    fields = json.loads(text)
    for name in FIELDS:
        if name in fields:
            reading.memstats[name] = fields[name]
    for name in RINGS:
        reading.memstats[name] = list(fields[name])
    if "ReadTime" in fields:
        take_time(reading, fields["ReadTime"])
    reading.by_size = [(row["Size"], row["Mallocs"], row["Frees"])
                       for row in fields["BySize"]]
    check_fields(reading)


def counted(value):
    """Can it be one of Go's counters?"""
    return type(value) is int and 0 <= value < NUMBERS_END


def check_fields(reading):
    """Are all of Go's fields there, and of their kinds?"""
    missing = [name for name in FIELDS if name not in reading.memstats]
    if missing:
        raise ValueError("no " + ", ".join(missing[:3]) +
                         (" ..." if missing[3:] else ""))
    for name, value in reading.memstats.items():
        if name in RINGS:
            good = all(map(counted, value))
        elif name in ("EnableGC", "DebugGC"):
            good = type(value) is bool
        elif name == "GCCPUFraction":
            good = type(value) in (int, float) and 0 <= value < math.inf
        else:
            good = counted(value)
        if not good:
            raise ValueError(f"{name} is {str(value)[:40]}")
    for name in RINGS:  # what is behind the cycles that have been is no pause
        used = min(max(reading.memstats["NumGC"], 0), RING_SIZE)
        reading.memstats[name] = reading.memstats[name][:used]
    if len(reading.by_size) != BY_SIZE:
        raise ValueError(f"BySize has {len(reading.by_size)} rows, not {BY_SIZE}")
    if not all(counted(value) for row in reading.by_size for value in row):
        raise ValueError("BySize has what is no number")


def lines_of(text, name):
    """The lines of a table after its version line."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or not lines[0].startswith(f"gomem {name} - version: "):
        raise ValueError(f"it does not begin with 'gomem {name} - version:'")
    if lines[0].split()[-1] != "1":
        raise ValueError(f"version {lines[0].split()[-1]} of the format is not "
                         "known here, only 1")
    return lines[1:]


def row_of(line, headings):
    """A row of a table, as a dictionary by heading."""
    values = line.split()
    if len(values) != len(headings):
        raise ValueError(f"not a row of the table: '{line.strip()[:60]}'")
    return dict(zip(headings, values))


def parse_classes(text, reading):
    lines = lines_of(text, "classes") or [""]
    rows = [row_of(line, lines[0].split()) for line in lines[1:]]
    if not rows or rows[-1]["class"] != "Total":
        raise ValueError("the last row, Total, is missing")
    reading.classes = [SizeClass(row) for row in rows[:-1]]


def parse_sites(text, reading):
    """A line on the profile, headings, and rows, each with its stack below."""
    lines = lines_of(text, "sites")
    profile = re.match("rate ([0-9]+), ([0-9]+) samples dropped",
                       lines[0] if lines else "")
    if not profile or len(lines) < 2:
        raise ValueError("it has no rate, or no headings")
    reading.rate, reading.dropped = whole(profile[1]), whole(profile[2])
    sites = []
    for line in lines[2:]:
        if not line.startswith("\t"):
            sites.append(Site(row_of(line, lines[1].split())))
        elif sites:
            sites[-1].stack.append(line.strip())
        else:
            raise ValueError("a stack without a row")
    # Calls from several places in a function look the same here.
    reading.sites = []
    known = {}
    for site in sites:
        if site.key in known:
            known[site.key].add(site)
        else:
            known[site.key] = site
            reading.sites.append(site)


def parse_modules(text, reading):
    """A line on the profile, headings, and a row for each module that holds something."""
    lines = lines_of(text, "modules")
    if len(lines) < 2 or not lines[0].startswith("rate "):
        raise ValueError("it has no rate, or no headings")
    reading.modules = []
    for line in lines[2:]:
        row = row_of(line, lines[1].split())
        gone = " (gone)" if whole(row["gone"]) else ""
        # Of some code not even the module is known.
        name = "[gone]" if gone and row["module"] == "gone" else row["module"] + gone
        reading.modules.append((name, whole(row["bytes"])))


def split(text):
    """/proc/gomem: memstats, an empty line, the class table, which may be missing."""
    memstats, found, classes = text.partition("\ngomem classes - version: ")
    return memstats, found.lstrip("\n") + classes


def parse_both(text, reading):
    """/proc/gomem."""
    memstats, classes = split(text)
    parse_memstats(memstats, reading)
    if classes:
        parse_classes(classes, reading)


def load_bytes(path, required=True):
    """What is in a file, or None if there is none, or none for us."""
    try:
        # A pipe could have one wait for ever.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise Error(f"cannot read {path}: it is no regular file")
            data = file.read(LARGEST_FILE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        if not required:
            return None
        hint = "" if os.geteuid() == 0 else "; run this as root"
        raise Error(f"cannot read {path}: permission denied{hint}") from None
    except OSError as e:
        raise Error(f"cannot read {path}: {reason(e)}") from None
    if len(data) > LARGEST_FILE:
        raise Error(f"cannot read {path}: it is larger than {LARGEST_FILE >> 20} MiB")
    return data


def load(path, required=True):
    """The same as text."""
    data = load_bytes(path, required)
    return None if data is None else \
        data.decode("utf-8", "replace").replace("\r\n", "\n")


def parse(parser, path, text, reading):
    """Have a parser take a file's text."""
    try:
        if not text.endswith("\n"):
            raise ValueError("it is cut off")
        parser(text, reading)
    except RecursionError:
        raise Error(f"cannot make sense of {path}: it is nested too deeply") from None
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        why = f"no {e}" if isinstance(e, KeyError) else str(e)
        raise Error(f"cannot make sense of {path}: {why[:200]}") from None


def read(root=None):
    """Read everything that root has; without one, the module that is loaded."""
    reading = Reading(root or DEBUGFS)
    path = os.path.join(reading.root, "memstats")
    # A kernel that is locked down may refuse debugfs to root, too.
    elsewhere = not root and os.access(PROC, os.R_OK)
    text, parser = load(path, not elsewhere), parse_memstats
    if text is None:
        path = os.path.join(reading.root, "memstats.json")
        text, parser = load(path, not elsewhere), parse_json
    if text is None and not root:
        path, reading.root = PROC, PROC
        text, parser = load(path), parse_both
        if text is None:
            raise NotLoaded(f"gomem is not loaded: there is neither {DEBUGFS} nor "
                            f"{PROC}")
    if text is None:
        if not os.path.isdir(root):
            raise Error(f"no such directory: {root}")
        raise Error(f"{root} has no memstats and no memstats.json; is it a copy "
                    f"of {DEBUGFS}?")
    parse(parser, path, text, reading)
    # Files that a kernel makes up have no size, copies have.
    try:
        file = os.stat(path)
        if file.st_size and not reading.dated:
            reading.time = min(max(file.st_mtime, 0), TIMES_END - 1)
    except OSError:
        pass

    if not root:
        reading.version = (load(VERSION, required=False) or "").strip() or None
    for name, parser in (("classes", parse_classes), ("sites", parse_sites),
                         ("modules", parse_modules)):
        path = os.path.join(reading.root, name)
        text = load(path)
        if text is not None:
            parse(parser, path, text, reading)
    for name in KNOBS:
        # What may be written, such a kernel does not let root read.
        path = os.path.join(reading.root, name)
        text = load(path, required=False)
        if text is not None:
            parse(lambda t, r: r.knobs.update({name: knob(t)}), path, text,
                  reading)
    return reading


def add_root(parser):
    """The option that all of the tools have."""
    parser.add_argument("--root", metavar="DIR", help="read the files in DIR, a "
                        f"copy of {DEBUGFS}, instead of those of the loaded "
                        "module")
