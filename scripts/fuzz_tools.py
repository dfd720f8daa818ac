#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Run gomem's tools over damaged and hostile copies of gomem's files.

Usage: scripts/fuzz_tools.py [--seed N] [--copies N] [--copy I]

Each copy is one of the saved ones with something else in place of parts of it; so is
what gomem-lines reads, a profile and an object file. (gomem-drgn is for test_drgn.py,
which has a dump.) No tool may end in a way that it does not document, blame itself, or
let anything but printable text get to a terminal. What is done to a copy depends on the
seed and its number alone: --copy I runs that one, and shows what the tools said.
"""

import argparse
import io
import os
import random
import re
import shutil
import signal
import sys
import tarfile
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
TOOLS = os.path.join(HERE, "tools")
DATA = os.path.join(HERE, "testdata")
sys.path.insert(0, TOOLS)
import gomem_cli        # noqa: E402  pylint: disable=wrong-import-position
import tap              # noqa: E402  pylint: disable=wrong-import-position
import test_lines       # noqa: E402  pylint: disable=wrong-import-position

# A tool that takes longer hangs, even on a busy machine.
PATIENCE = 60
TOKENS = (
    b"", b"0", b"-", b"-1", b"+5", b"1_0", b"0x10", b"1.5", b"1e400", b"-0.0", b"nan",
    b"NaN", b"Infinity", b"true", b"null", b"{}", b"[]", b'"', b"\\", b",", b" ", b"\t",
    b"\n", b"\r", b"\v", b"\f", b"\x00", b"\x08", b"\x7f", b"\xff\xfe", b"9" * 400,
    b"-" + b"9" * 400, b"9" * 5000, b"[" * 5000, b'{"a":' * 5000, b"x" * 300000,
    b"9223372036854775807", b"18446744073709551615", b"18446744073709551616",
    b"\x1b[31m", b"\x1b]0;title\x07", b"\x1bc", b"\x9b5m", b"\xc2\x9b5m",
    "\u202e\u2028\u0663".encode(), b"../../etc/passwd", b"%s%n", b"large", b"Total",
    b"[gone]", b"f+0x1/0x2 [m] (gone)", b"ReadTime 99999999999999999999",
)
SITES = b"""gomem sites - version: 1
rate 4096, 3 samples dropped
class     size      objects          bytes   oldest_s   samples
   43     4096          800        3276800         60       600
\tleak_packet+0x1a/0x60 [gomem_drip] (gone)
\twork+0x10/0x20 [gomem_drip]
    7       96         1000          96000         61        20
\thold_route+0x5/0x50 [gomem_drip]
    0    65536            3         196608          1         3
\tload+0x5/0x50
"""
MODULES = b"""gomem modules - version: 1
rate 4096, 3 samples dropped
     objects          bytes          asked         pinned  sites  gone module
        1800        3372800        3072000              0      2     1 gomem_drip
           3         196608         196608              0      1     0 kernel
"""
SLABINFO = b"""slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>
dentry 13608 13608 192 21 1 : tunables 0 0 0 : slabdata 648 648 0
"""
TABLES = {"sites": SITES, "modules": MODULES, "slabinfo": SLABINFO}
KNOBS = {"gc_percent": b"100\n", "memory_limit": b"9000000\n", "mem_profile_rate": b"4096\n",
         "scavenge_delay_ms": b"5000\n"}


def saved_copies():
    """name -> {file: bytes}, and a stream that a shell recorded."""
    copies = {}
    for name in "peak", "after", "leak1", "leak2":
        folder = os.path.join(DATA, name)
        files = {}
        for file in os.listdir(folder):
            with open(os.path.join(folder, file), "rb") as opened:
                files[file] = opened.read()
        copies[name] = {**files, **TABLES, **KNOBS}
    with tarfile.open(os.path.join(DATA, "top/spike.tar.gz")) as archive:
        files = {os.path.basename(member.name): archive.extractfile(member).read()
                 for member in archive if member.isfile()}
    stream = files.pop("stream")
    copies["spike"] = {**files, **TABLES, **KNOBS}
    return copies, stream


# --- Damage. ---

def cut(rng, data):
    """Two places in it, not far from each other."""
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.choice((1, 2, 10, 100, 2000)))


def flip(rng, data):
    """Other bytes."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 3, 30))):
        if data:
            data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def without(rng, data):
    """A part is missing."""
    start, end = cut(rng, data)
    return data[:start] + data[end:]


def twice(rng, data):
    """A part is there again, somewhere else."""
    start, end = cut(rng, data)
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[start:end] + data[at:]


def insert(rng, data):
    """Something between."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(TOKENS) + data[at:]


def word(rng, data):
    """Something in place of a word, or of a number in JSON or CSV."""
    for separator in rng.sample((b" ", b",", b"\n", b":"), 4):
        words = data.split(separator)
        if len(words) > 1:
            words[rng.randrange(len(words))] = rng.choice(TOKENS)
            return separator.join(words)
    return data


def figure(rng, data):
    """Other numbers, such as the kernel might print."""
    found = list(re.finditer(rb"[0-9]+", data))
    for match in sorted(rng.sample(found, min(len(found), rng.choice((1, 3, 40)))),
                        key=lambda match: -match.start()):
        number = rng.choice((0, 1, rng.randrange(100), rng.randrange(1 << 40), (1 << 63) - 1,
                             (1 << 64) - 1))
        data = data[:match.start()] + b"%d" % number + data[match.end():]
    return data


def lines(rng, data):
    """Lines in another order, or more of them."""
    rows = data.split(b"\n")
    a, b = rng.randrange(len(rows)), rng.randrange(len(rows))
    if rng.random() < 0.5:
        rows[a], rows[b] = rows[b], rows[a]
    else:
        rows[a:a] = [rows[b]] * rng.choice((1, 100))
    return b"\n".join(rows)


def end(rng, data):
    """Cut off."""
    return data[:rng.randrange(len(data) + 1)]


def noise(rng, _):
    """Anything."""
    return rng.randbytes(rng.choice((0, 1, 100, 5000)))


DAMAGES = (flip, without, twice, insert, word, word, lines, end, noise)


def damaged(rng, data):
    """Some of that."""
    for _ in range(rng.choice((1, 1, 1, 4))):
        # Half of them can still be read, so that there is something to reckon with.
        data = rng.choice(DAMAGES if rng.random() < 0.5 else (figure,))(rng, data)
    return data


def place(rng, root, files):
    """A copy, damaged, in root."""
    files = dict(files)
    # memstats.json is read where there is no memstats, and the other way round.
    files.pop(rng.choice(("memstats", "memstats.json", "-")), None)
    victims = rng.sample(sorted(files), rng.choice((1, 1, 2)))
    if rng.random() < 0.3:
        victims.append(rng.choice(("sites", "sites", "modules")))
    os.mkdir(root)
    for name, data in files.items():
        path = os.path.join(root, name)
        if name in victims and rng.random() < 0.04:
            rng.choice((os.mkdir, os.mkfifo, lambda p: os.symlink(p, p)))(path)
            continue
        with open(path, "wb") as file:
            file.write(damaged(rng, data) if name in victims else data)
        if rng.random() < 0.02:
            # The greatest time that there is a file system for, or before any.
            os.utime(path, (0, rng.choice((1 << 62, -1 << 40, 1 << 40))))


# --- Tools. ---

class Fault(Exception):
    """What a tool did that no tool does."""


def too_late(*_):
    """For SIGALRM."""
    raise Fault("it hangs")


def call(module, arguments, allowed):
    """Run main() as run() would; its status and what it printed."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
               for _ in range(2)]
    before = sys.stdout, sys.stderr, sys.argv
    sys.stdout, sys.stderr = streams
    sys.argv = [module.__name__, *arguments]
    signal.alarm(PATIENCE)
    try:
        status = gomem_cli.outcome(module.main)
    finally:
        signal.alarm(0)
        sys.stdout, sys.stderr, sys.argv = before
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    said = []
    for stream in streams:
        stream.flush()
        said.append(stream.buffer.getvalue().decode("utf-8", "surrogateescape"))
    text = "".join(said)
    if status not in allowed:
        raise Fault(f"exit status {status}\n{text}")
    if "fault in the program" in text or "Traceback" in text:
        raise Fault(text)
    raw = sorted({c for c in text if not (c.isprintable() or c in "\n\t")})
    if raw:
        raise Fault(f"it prints {raw}\n{ascii(text[:2000])}")
    if (status == 2) != bool(said[1]) and status != 0:
        raise Fault(f"exit status {status}, and on stderr {said[1]!r}")
    return status, text


def use(rng, modules, saved, others, folder):
    """What the tools make of one copy: (words of the command, status, text)."""
    stream, table_of_it, frames, profile, built = others
    root = os.path.join(folder, "a copy\x1b[31m\n")
    place(rng, root, saved[rng.choice(sorted(saved))])
    other = os.path.join(folder, "other")
    os.mkdir(other)
    for name, data in saved["leak1"].items():
        with open(os.path.join(other, name), "wb") as file:
            file.write(data)
    table = os.path.join(folder, "table.csv")
    first = ("gomem-doctor", "--root", root)
    commands = [
        ("gomem-doctor", "--before", other, "--root", root, "--least", "1K", "--leak", "1"),
        ("gomem-export", "prometheus", "--root", root),
        ("gomem-export", "prometheus", "--root", root, "--textfile", os.path.join(folder, "m")),
        ("gomem-export", "slabinfo", "--root", root),
        ("gomem-export", "slabinfo", "--with-kernel", "--root", root),
        ("gomem-export", "csv", "--root", root, "--output", os.path.join(folder, "out")),
        ("gomem-export", "save", "--root", root, os.path.join(folder, "saved")),
        ("gomemtop", "-o", "--root", root),
        ("gomemtop", "-o", "--sites", "--root", root),
        ("gomemtop", "--json", "--all", "--root", root),
        ("gomem-plot", "record", "--root", root, "--count", "1", os.path.join(folder, "row.csv")),
    ]
    if rng.random() < 0.3:
        path = os.path.join(folder, "stream")
        with open(path, "wb") as file:
            # The beginning of the spike will do.
            file.write(damaged(rng, stream[:40000]))
        commands.append(("gomem-plot", "record", "--from", path, table + ".new"))
        with open(table, "wb") as file:
            file.write(damaged(rng, table_of_it))
        commands += [("gomem-plot", "draw", table, "-o", os.path.join(folder, "x.html"),
                      "--title", "\x1b[31m\udc80"),
                     ("gomem-plot", "draw", table, "-o", "-")]
    result = use_one(modules, first)
    yield result
    # What one cannot read, the others cannot either, most of the time.
    for command in commands if result[1] != 2 else rng.sample(commands, 4):
        yield use_one(modules, command)
    if rng.random() < 0.3:
        heap, ko = os.path.join(folder, "heap"), os.path.join(folder, "gomem-built.ko")
        for path, data in rng.choice((((heap, damaged(rng, profile)), (ko, built)),
                                      ((heap, profile), (ko, damaged(rng, built))))):
            with open(path, "wb") as file:
                file.write(data)
        yield use_one(modules, ("gomem-lines", heap, "--ko", ko, "--output",
                                os.path.join(folder, "lines")))
        yield use_one(modules, ("gomem-lines", "--at", rng.choice(frames), "--ko", ko))


def use_one(modules, command):
    """(the command, its exit status, what it printed)."""
    name, *arguments = command
    allowed = (0, 1, 2) if name == "gomem-doctor" else (0, 2)
    try:
        return command, *call(modules[name], arguments, allowed)
    except Fault as fault:
        raise Fault(f"{name} {' '.join(map(ascii, arguments))}: {fault}") from None


def with_lines(folder):
    """A profile, and an object file that has its frames."""
    built = test_lines.Built(folder)
    frames = [built.frames(name)[0][0] for name in ("leak", "twin", "last")]
    with open(built.ko, "rb") as file:
        return frames, test_lines.profile([frames, frames[:1]]), file.read()


def recorded(modules, stream, folder):
    """The stream as a CSV file."""
    source, table = os.path.join(folder, "s"), os.path.join(folder, "t.csv")
    with open(source, "wb") as file:
        file.write(stream)
    call(modules["gomem-plot"], ("record", "--from", source, table), (0,))
    with open(table, "rb") as file:
        return file.read()


def main():
    """See --help."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--copies", type=int, default=1000)
    parser.add_argument("--copy", type=int)
    args = parser.parse_args()
    signal.signal(signal.SIGALRM, too_late)
    modules = {name: tap.load(os.path.join(TOOLS, name))
               for name in ("gomem-doctor", "gomem-export", "gomem-lines", "gomem-plot",
                            "gomemtop")}
    saved, stream = saved_copies()
    faults, runs = 0, {0: 0, 1: 0, 2: 0}
    with tempfile.TemporaryDirectory(prefix="gomem.") as base:
        others = stream, recorded(modules, stream, base), *with_lines(base)
        for i in range(args.copies) if args.copy is None else (args.copy,):
            rng = random.Random(f"{args.seed} {i}")
            folder = os.path.join(base, str(i))
            os.mkdir(folder)
            try:
                for command, status, text in use(
                        rng, modules, saved, others, folder):
                    runs[status] += 1
                    if args.copy is not None:
                        print(f"{command}: exit status {status}\n{text}")
            except Fault as fault:
                faults += 1
                print(f"--seed {args.seed} --copy {i}: {str(fault)[:1000]}")
            shutil.rmtree(folder)
    print(f"{sum(runs.values())} runs: {runs[0]} fine, {runs[1]} found something, {runs[2]} "
          f"could not read the copy; {faults} copies with faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
