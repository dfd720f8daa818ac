# SPDX-License-Identifier: GPL-2.0
"""Read gomem's files: those of a loaded module, or a saved copy of them.

    reading = gomem_files.read()            # /sys/kernel/debug/gomem, or /proc/gomem
    reading = gomem_files.read("saved")     # a directory with copies
    reading.memstats["HeapAlloc"]           # Go's fields by name
    reading.extra["BadFrees"]               # what gomem counts beside them
    for c in reading.classes: c.size, c.live, c.occupancy

Whatever cannot be read or understood is an Error, whose text is for the user.
A program's main() runs under run(), which turns that into an exit status of 2.
"""

import json
import os
import re
import signal
import sys
import time

DEBUGFS = "/sys/kernel/debug/gomem"
PROC = "/proc/gomem"

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


class Error(Exception):
    """What is wrong, in words for the user."""


class SizeClass:
    """A row of the class table; size and span are None for large objects."""

    NUMBERS = ("mallocs", "frees", "live", "live_bytes", "spans", "free_slots",
               "cached")

    def __init__(self, row):
        self.name = row["size"] if row["class"] != "large" else "large"
        self.size = number(row["size"])
        self.span = number(row["span"])
        self.objects = number(row["objects"])
        for column in self.NUMBERS:
            setattr(self, column, int(row[column]))
        # Estimated from samples, "~123"; None when there is no profile.
        self.requested = number(row["requested"].lstrip("~"))
        # Spans differ in length.  Earlier tables do not tell.
        self.span_bytes = (int(row["span_bytes"]) if "span_bytes" in row else
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
        self.name = row["size"] if row["class"] != "0" else "large"
        self.size = int(row["size"])
        self.objects = int(row["objects"])
        self.bytes = int(row["bytes"])
        self.age = int(row["oldest_s"])
        self.samples = int(row["samples"])
        self.stack = ()

    @property
    def key(self):
        return self.name, self.size, self.stack

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
    dropped   samples that the profile has lost; None: no such file
    knobs     name -> int, of those that exist
    time      when it was, in seconds since 1970
    """

    def __init__(self, root):
        self.root = root
        self.time = time.time()
        self.memstats = {}
        self.extra = {}
        self.by_size = []
        self.classes = None
        self.sites = None
        self.dropped = None
        self.knobs = {}


def number(text):
    """An int, or None for "-"."""
    return None if text == "-" else int(text)


def knob(text):
    if not re.fullmatch("-?[0-9]+\n", text):
        raise ValueError(f"not a number: '{text.strip()[:40]}'")
    return int(text)


def parse_scalar(text):
    if text in ("true", "false"):
        return text == "true"
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        raise ValueError(f"not a number: '{text[:40]}'")
    return float(text) if "." in text else int(text)


def parse_memstats(text, reading):
    """memstats: "Name value" a line, rings as far as they are used, BySize rows."""
    for name, *values in (line.split() for line in text.splitlines() if line):
        if name.startswith("#"):
            continue
        if name == "BySize":
            size, mallocs, frees = map(int, values)
            reading.by_size.append((size, mallocs, frees))
        elif name in RINGS:
            reading.memstats[name] = [int(v) for v in values]
        elif re.fullmatch("[A-Z][A-Za-z0-9]*", name):
            if len(values) != 1:
                raise ValueError(f"{name} has not one value")
            where = reading.memstats if name in FIELDS else reading.extra
            where[name] = parse_scalar(values[0])
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
    reading.by_size = [(row["Size"], row["Mallocs"], row["Frees"])
                       for row in fields["BySize"]]
    check_fields(reading)


def check_fields(reading):
    missing = [name for name in FIELDS if name not in reading.memstats]
    if missing:
        raise ValueError("no " + ", ".join(missing[:3]) +
                         (" ..." if missing[3:] else ""))
    for name, value in reading.memstats.items():
        if name in RINGS:
            if any(type(v) is not int for v in value):
                raise ValueError(f"{name} has what is no number")
            continue
        kinds = {"EnableGC": (bool,), "DebugGC": (bool,),
                 "GCCPUFraction": (int, float)}.get(name, (int,))
        if type(value) not in kinds:
            raise ValueError(f"{name} is {value}")
    for name in RINGS:  # what is behind the cycles that have been is no pause
        used = min(max(reading.memstats["NumGC"], 0), RING_SIZE)
        reading.memstats[name] = reading.memstats[name][:used]
    if len(reading.by_size) != BY_SIZE:
        raise ValueError(f"BySize has {len(reading.by_size)} rows, not {BY_SIZE}")


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
    lines = lines_of(text, "classes")
    rows = [row_of(line, lines[0].split()) for line in lines[1:]]
    if not rows or rows[-1]["class"] != "Total":
        raise ValueError("the last row, Total, is missing")
    reading.classes = [SizeClass(row) for row in rows[:-1]]


def parse_sites(text, reading):
    """A line on the profile, headings, and rows, each with its stack below."""
    lines = lines_of(text, "sites")
    profile = re.fullmatch("rate [0-9]+, ([0-9]+) samples dropped(, .*)?",
                           lines[0] if lines else "")
    if not profile or len(lines) < 2:
        raise ValueError("it has no rate, or no headings")
    reading.dropped = int(profile[1])
    sites = []
    for line in lines[2:]:
        if not line.startswith("\t"):
            sites.append(Site(row_of(line, lines[1].split())))
        elif sites:
            sites[-1].stack += (line.strip(),)
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


def parse_both(text, reading):
    """/proc/gomem: memstats, an empty line, the class table."""
    memstats, found, classes = text.partition("\ngomem classes - version: ")
    parse_memstats(memstats, reading)
    if found:
        parse_classes(found.lstrip("\n") + classes, reading)


def load(path, required=True):
    """The text of a file, or None if there is none, or none for us."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        if not required:
            return None
        hint = "" if os.geteuid() == 0 else "; run this as root"
        raise Error(f"cannot read {path}: permission denied{hint}") from None
    except OSError as e:
        raise Error(f"cannot read {path}: {e.strerror.lower()}") from None


def parse(parser, path, text, reading):
    try:
        if not text.endswith("\n"):
            raise ValueError("it is cut off")
        parser(text, reading)
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        why = f"no {e}" if isinstance(e, KeyError) else e
        raise Error(f"cannot make sense of {path}: {why}") from None


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
            raise Error(f"gomem is not loaded: there is neither {DEBUGFS} nor "
                        f"{PROC}")
    if text is None:
        if not os.path.isdir(root):
            raise Error(f"no such directory: {root}")
        raise Error(f"{root} has no memstats and no memstats.json; is it a copy "
                    f"of {DEBUGFS}?")
    parse(parser, path, text, reading)
    # Files that a kernel makes up have no size, copies have.
    try:
        if os.stat(path).st_size:
            reading.time = os.stat(path).st_mtime
    except OSError:
        pass

    for name, parser in ("classes", parse_classes), ("sites", parse_sites):
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


def run(main):
    """Exit with what main() returns; 2 and a line on stderr for an Error."""
    # As other programs: no words when nobody reads on, or at Ctrl-C.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        status = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = 130
    except (Error, OSError) as e:
        why = e if isinstance(e, Error) or not e.strerror else e.strerror.lower()
        print(f"{os.path.basename(sys.argv[0])}: {why}", file=sys.stderr)
        status = 2
        # What is left to write cannot be written either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(status)
