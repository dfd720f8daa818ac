#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Compare what gomem-drgn reads from a dump with what gomem said of itself.

Usage: scripts/test_drgn.py DIR

DIR has what scripts/drgn.guest has left, the dump "core", and the modules.
"""

import os
import re
import subprocess
import sys
from contextlib import nullcontext

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "tools"))
import gomem_files              # noqa: E402  pylint: disable=C0413
import tap                      # noqa: E402  pylint: disable=C0413
from tap import same, true      # noqa: E402  pylint: disable=C0413

TOOL = os.path.join(HERE, "tools", "gomem-drgn")
# These do not change when nobody allocates and nobody frees,
FIELDS = ("HeapAlloc", "TotalAlloc", "Mallocs", "Frees", "HeapInuse", "HeapObjects",
          "BuckHashSys")
# and these only if something idle can be given back.
IDLE_FIELDS = ("HeapSys", "HeapIdle", "HeapReleased")
test = tap.Tests()


def run(*arguments, status=0):
    """What gomem-drgn prints, and complains of."""
    return tap.run(sys.executable, TOOL, *arguments, status=status)


def parts(text):
    """The parts of the output by their headings."""
    return {part.split("\n", 1)[0]: part.split("\n", 1)[1]
            for part in text.split("\n\n")}


def classes_of(text):
    """{size: (live, spans)}"""
    rows = [line.split() for line in text.splitlines()]
    at = {name: i for i, name in enumerate(rows[0])}
    found = {}
    for row in rows[1:]:
        # Runs are classes here, and large objects in gomem's files.
        size = "large" if row[at["size"]] == "large" or \
            int(row[at["size"]]) > 32768 else row[at["size"]]
        live, spans = found.get(size, (0, 0))
        found[size] = live + int(row[at["live"]]), spans + int(row[at["spans"]])
    return found


def sites_of(text):
    """{(size, objects, bytes, samples, stack)}"""
    lines, found = text.splitlines(), []
    start = next(i for i, line in enumerate(lines) if line.split()[0] == "class")
    at = [lines[start].split().index(n) for n in ("size", "objects", "bytes", "samples")]
    for line in lines[start + 1:]:
        if line.startswith("\t"):
            found[-1][-1].append(line.strip())
        else:
            row = [int(word) for word in line.split()]
            found.append([*(row[i] for i in at), []])
    return {(*site[:-1], tuple(site[-1])) for site in found}


def judge(where, text, fields, sites):
    """Is it what gomem has said?"""
    said = parts(text)
    reading = gomem_files.read(where)
    have = dict(line.split() for line in said["gomem memstats"].splitlines()
                if not line.startswith("#"))
    for name in fields:
        same(int(have[name]), reading.memstats[name], name)
    for name in "BadFrees", "OutOfMemory":
        same(int(have[name]), reading.extra[name], name)
    same(classes_of(said["gomem classes"]),
         {c.name: (c.live, c.spans) for c in reading.classes if c.spans}, "classes")
    with open(os.path.join(where, "sites"), encoding="utf-8") as file:
        same(sites_of(said["gomem sites"]), sites_of(file.read()), "sites")
    same(said["gomem check"].strip(), "ok", "check")
    true("\tleak_buffers" in said["gomem sites"], "the leak is not there")
    true(f"{sites} of {sites} sites" in said["gomem sites"], said["gomem sites"])
    same(classes_of(said["gomem classes"])["4096"][0], 1234, "leaked objects")


@test("gomem-drgn: while it runs")
def _(where):
    """From /proc/kcore."""
    with open(os.path.join(where, "live"), encoding="utf-8") as file:
        judge(os.path.join(where, "running"), file.read(), FIELDS + IDLE_FIELDS, 4)


@test("gomem-drgn: from the dump")
def _(where):
    """All that there was."""
    judge(os.path.join(where, "last"), run(
        os.path.join(where, "core"), "--ko", os.path.join(where, "gomem.ko"))[0],
          FIELDS, 5)


@test("gomem-drgn: the first sites")
def _(where):
    """As many as one wants."""
    text = parts(run(os.path.join(where, "core"), "--top", "1", "--ko",
                     os.path.join(where, "gomem.ko"))[0])["gomem sites"]
    true("1 of 5 sites" in text and "leak_buffers" in text and
         "keep_names" not in text, text)


@test("gomem-drgn: wrong books")
def _(where):
    """What was changed in the dump is told; and what was, is put back."""
    import drgn
    core, ko = os.path.join(where, "core"), os.path.join(where, "gomem.ko")
    module = tap.load(TOOL)
    gomem = module.Gomem(module.Kernel(drgn, core, ko))
    offset = gomem.prog.read_u64(gomem.kernel.symbols["page_offset_base"])
    central = gomem.nodes[0].central
    number = next(i for i, row in enumerate(gomem.classes) if row["size"] == 4096)
    with open(core, "rb") as file:
        start = next(o for kind, o, _, _ in module.elf_segments(file) if kind == 1)
    for field, says in (
            (central[number].nfree,
             r"class 4096: 1233 objects are said to live, and 1234 do"),
            (central[number].nspans, r"class 4096: \d+ spans in the books, \d+ found"),
            (central[0].large_bytes, r"large: \d+ bytes in the books, \d+ found")):
        at = start + field.address_ - offset
        with open(core, "r+b") as file:
            file.seek(at)
            old = file.read(8)
            same(int.from_bytes(old, sys.byteorder), field.value_(), "memory")
            file.seek(at)
            file.write((field.value_() + 1).to_bytes(8, sys.byteorder))
        try:
            said = run(core, "--ko", ko, status=1)[0]
        finally:
            with open(core, "r+b") as file:
                file.seek(at)
                file.write(old)
        true(re.search(f"^failed: {says}$", said, re.M), said[-400:])


def resized(path, function):
    """The file, with a function that is said to be longer."""
    listing = subprocess.run(["readelf", "-WSs", path], capture_output=True, text=True,
                             check=True, env={**os.environ, "LC_ALL": "C"}).stdout
    table = re.search(r"\.symtab +SYMTAB +\w+ (\w+)", listing)[1]
    number = re.search(rf"^ *(\d+): .* {function}$", listing, re.M)[1]
    with open(path, "rb") as file:
        data = bytearray(file.read())
    data[int(table, 16) + 24 * int(number) + 16] ^= 1
    return data


@test("gomem-drgn: wrong files")
def _(where):
    """Each with a word on what is wrong."""
    core, ko = os.path.join(where, "core"), os.path.join(where, "gomem.ko")
    leak = os.path.join(where, "gomem_leak.ko")
    plain, short, other = (os.path.join(where, n) for n in ("p.ko", "short", "o.ko"))
    subprocess.run(["objcopy", "--strip-debug", ko, plain], check=True)
    with open(core, "rb") as file, open(short, "wb") as out:
        out.write(file.read(1 << 20))
    with open(other, "wb") as out:
        out.write(resized(ko, "gomem_alloc"))
    for arguments, says in (
            ((core, "--ko", leak), "no debug information of gomem"),
            ((core, "--ko", plain), "no debug information of gomem"),
            ((core, "--ko", "/nowhere.ko"), "no such file: /nowhere.ko"),
            (("/nowhere", "--ko", ko), "no such file: /nowhere"),
            ((ko, "--ko", ko), "cannot read"),
            ((core, "--ko", core), "no debug information of gomem"),
            ((core, "--ko", other), "not what was loaded: gomem_alloc is of another"),
            ((short, "--ko", ko), "the dump lacks memory that is needed"),
            ((core,), "required: --ko"),
            ((core, "--ko", ko, "--top", "x"), "not a number: 'x'")):
        error = run(*arguments, status=2)[1]
        true(says in error and error.strip(), f"{arguments}: {error!r}")


def main():
    """Run the tests."""
    where, = tap.words(__doc__, 1)
    return test.run(lambda: nullcontext(where))


if __name__ == "__main__":
    sys.exit(main())
