#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Test gomem-lines with a small profile and an object file that is built here.

Usage: scripts/test_lines.py [NAME]...

Prints TAP. With names, only the tests whose names hold one of them are run. Needs gcc,
binutils and go. Which frames a profile is to have is read from the object file by nm
and objdump; that pprof then shows the right lines is the test.
"""

import gzip
import os
import random
import re
import subprocess
import sys
import tempfile
from contextlib import nullcontext

sys.dont_write_bytecode = True
import tap              # noqa: E402  pylint: disable=C0413
from tap import same, true      # noqa: E402  pylint: disable=C0413

HERE = os.path.dirname(os.path.realpath(__file__))
LINES = os.path.join(HERE, "tools", "gomem-lines")
ENV = {**os.environ, "LC_ALL": "C", "PYTHONDONTWRITEBYTECODE": "1", "GOFLAGS": "",
       "GO111MODULE": "off", "COLUMNS": "80",
       # The system's, which is what packages install.
       "PATH": "/usr/bin:" + os.environ["PATH"]}

ONE = """
extern void *get(int);
extern void fail(void *) __attribute__((noreturn));
static void *kept;
static inline __attribute__((always_inline)) void keep(int n)
{
	kept = get(n);		/* line of keep */
}
__attribute__((noinline)) int leak(int n)
{
	n += 3;
	keep(n);		/* line of leak */
	return n;
}
__attribute__((noinline)) static int twin(int n)
{
	get(n);			/* line of twin one */
	return n;
}
int one(int n)
{
	return twin(n) + twin(n + 1);
}
__attribute__((noinline)) void last(int n)
{
	fail(get(n));		/* line of last */
}
int after(int n)
{
	return n + 1;
}
"""

TWO = """
extern void *get(int);
__attribute__((noinline, section(".init.text"))) static int twin(int n)
{
	n *= n + 1;
	get(n);			/* line of twin two */
	get(n + 1);
	get(n + 2);
	return n;
}
__attribute__((noinline)) static int same(int n)
{
	get(n);
	return n;
}
int two(int n)
{
	return twin(n) + twin(n + 1) + same(n) + same(n + 1);
}
"""

THREE = """
extern void *get(int);
__attribute__((noinline)) static int same(int n)
{
	get(n);
	return n;
}
int three(int n)
{
	return same(n) + same(n + 1);
}
"""


test = tap.Tests()


def run(*command, status=0, env=(), **options):
    """What it prints, in bytes, and what it complains of."""
    return tap.run(*command, status=status, text=False, env={**ENV, **dict(env)}, **options)


def refused(says, *arguments, **options):
    """gomem-lines ends with status 2 and says so."""
    error = run(LINES, *arguments, status=2, **options)[1]
    true(says in error, f"{error!r} does not say {says!r}")


# --- A profile, written as the format says. ---

def varint(value):
    """Seven bits at a time."""
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    """A field that is a number."""
    return varint(field << 3) + varint(value)


def text(field, value):
    """A field that is bytes, or a message."""
    return varint(field << 3 | 2) + varint(len(value)) + value


def profile(stacks, system_names=True):
    """A heap profile: one sample for each stack of frames.

    A frame is symbol+0xoffset/0xsize [module], or a name; the offset is in the
    function's system_name, or in its name.
    """
    strings, locations, functions = [b"", b"inuse_space", b"bytes"], [], []
    samples = b""

    def string(value):
        if value.encode() not in strings:
            strings.append(value.encode())
        return strings.index(value.encode())

    for i, stack in enumerate(stacks):
        numbers = b""
        for frame in stack:
            if frame not in functions:
                functions.append(frame)
                locations.append(frame)
            numbers += varint(functions.index(frame) + 1)
        samples += text(2, text(1, numbers) + text(2, varint(4096 * (i + 1))))
    out = text(1, number(1, 1) + number(2, 2)) + samples
    out += text(3, number(1, 1) + text(99, b"kept") + number(7, 1))
    for i, frame in enumerate(functions):
        out += text(4, number(1, i + 1) + number(2, 1) + text(4, number(1, i + 1)))
        names = re.sub(r"\+0x\S+", "", frame), frame
        name, system_name = names if system_names else reversed(names)
        out += text(5, number(1, i + 1) + number(2, string(name)) +
                    number(3, string(system_name)))
    out += b"".join(text(6, s) for s in strings)
    return out + number(14, 1) + text(77, b"of a later version")


# --- What is built. ---

class Built:
    """The object files, and the frames of their calls."""

    def __init__(self, where):
        self.where = where
        for name, source in ("one", ONE), ("two", TWO), ("three", THREE):
            self.write(name + ".c", source)
            self.compile(name, "-g")
            self.compile(name, "-g0", name + "-plain.o")
        self.ko = self.path("gomem-built.ko")
        run("ld", "-r", "-o", self.ko, self.path("one.o"), self.path("two.o"),
            self.path("three.o"))
        self.plain = self.path("gomem_plain.ko")
        run("ld", "-r", "-o", self.plain, self.path("one-plain.o"))
        self.write("get.c", "void *get(int n) { (void)n; return 0; }\n"
                   "void fail(void *p) { (void)p; for (;;); }\n")
        self.compile("get", "-g")
        self.vmlinux = self.path("vmlinux")
        run("ld", "-e", "leak", "-o", self.vmlinux, self.ko, self.path("get.o"))

    def path(self, name):
        """A file of ours."""
        return os.path.join(self.where, name)

    def write(self, name, content):
        """Its path."""
        with open(self.path(name), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        return self.path(name)

    def compile(self, name, debug, out=None):
        """As the kernel's modules are."""
        run("gcc", "-c", "-O2", debug, "-fno-pic", "-fno-optimize-sibling-calls",
            "-fno-ipa-icf", "-fcf-protection=none", "-falign-functions=1",
            "-fno-asynchronous-unwind-tables", "-o", self.path(out or name + ".o"),
            self.path(name + ".c"))

    def line(self, of):
        """(file, line number) of a comment."""
        for name, source in ("one.c", ONE), ("two.c", TWO):
            for i, line in enumerate(source.splitlines(), 1):
                if f"/* line of {of} */" in line:
                    return name, i
        raise AssertionError(of)

    def frames(self, function, file=None, module="gomem_built"):
        """Those that its calls return to, a list for each function of that name."""
        found = []
        listing = run("objdump", "-d", "-z", file or self.ko)[0].decode()
        for section in listing.split("\nDisassembly of section ")[1:]:
            blocks = re.findall(r"^([0-9a-f]+) <(\S+)>:\n((?:.+\n)+)", section, re.M)
            # A function is as long as it takes to the next.
            ends = [int(start, 16) for start, _, _ in blocks[1:]] + [None]
            for (start, name, code), end in zip(blocks, ends):
                if name == function:
                    found.append(self.calls(name, int(start, 16), end, code, module))
        return found

    def calls(self, name, start, end, code, module):
        """The frames of one function."""
        instructions = [(int(at, 16), len(raw.split()), what) for at, raw, what in
                        re.findall(r"^ *([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *(.*)$", code,
                                   re.M)]
        end = end or sum(instructions[-1][:2])
        suffix = f" [{module}]" if module else ""
        return [f"{name}+0x{at + length - start:x}/0x{end - start:x}{suffix}"
                for at, length, what in instructions if "call" in what]

    def lines(self, stacks, *arguments, name="out.pb", system_names=True):
        """The path of the profile with lines, and what was said."""
        made = self.write("in.pb", profile(stacks, system_names))
        out = self.path(name)
        said = run(LINES, made, *(arguments or ("--ko", self.ko)), "--output", out)[1]
        return out, said

    def pprof(self, *arguments):
        """What go tool pprof prints."""
        return run("go", "tool", "pprof", *arguments,
                   env={"PPROF_TMPDIR": self.where, "HOME": self.where})[0].decode()

    def places(self, path):
        """{(function, file, line)} of all of a profile's frames."""
        raw = self.pprof("-raw", path)
        return {(name, os.path.basename(file), int(line)) for name, file, line in
                re.findall(r"(?:M=\d+|^ +) +(\S+(?: \[\S+\])?(?: \(gone\))?) (\S*):(\d+)",
                           raw, re.M)}


@test("gomem-lines: list shows the line")
def _(built):
    """With what was inlined there."""
    leak = built.frames("leak")[0][0]
    out, said = built.lines([[leak, "worker"], ["worker"]])
    same(said, "", "stderr")
    name, line = built.line("keep")
    listed = built.pprof("-list", "keep", out)
    true(re.search(rf"4kB +4kB +{line}:\s+kept = get", listed) or
         re.search(rf"4096 +4096 +{line}:\s+kept = get", listed), listed)
    top = built.pprof("-top", "-lines", "-unit=B", out)
    true(re.search(rf"^ +4096B .* keep \[gomem_built\] \S+/{name}:{line} \(inline\)$",
                   top, re.M), top)
    name, line = built.line("leak")
    true(re.search(rf"leak \[gomem_built\] \S+/{name}:{line}$", top, re.M), top)
    listed = built.pprof("-list", "^leak", out)
    true(re.search(rf"\. +4(kB|096) +{line}:\s+keep\(n\);", listed), listed)


@test("gomem-lines: the rest stays")
def _(built):
    """Samples, other frames, what later versions add; and it can be done again."""
    leak = built.frames("leak")[0][0]
    other = "elsewhere+0x12/0x34 [ext4]"
    out, said = built.lines([[leak, other, "worker"], [other]])
    true("1 of 2 frames have lines; the others are in [ext4] (1)" in said, said)
    with open(out, "rb") as file:
        data = file.read()
    for part in (text(77, b"of a later version"), text(99, b"kept"), number(14, 1),
                 other.encode()):
        true(part in data, part)
    before = built.pprof("-top", "-unit=B", "-focus=elsewhere", built.path("in.pb"))
    after = built.pprof("-top", "-unit=B", "-focus=elsewhere", out)
    same(re.findall(r".*B .* (\S+)$", after, re.M)[-2:],
         re.findall(r".*B .* (\S+)$", before, re.M)[-2:], "top")
    true("12288B" in after or "12288" in after, after)
    same(built.places(out) - {("keep [gomem_built]", *built.line("keep"))},
         {("leak [gomem_built]", *built.line("leak")),
          ("elsewhere [ext4]", "", 0), ("worker", "", 0)}, "frames")
    refused("no frame of the profile got a line: none is in [gomem_built]", out,
            "--ko", built.ko, "--output", built.path("again.pb"))
    true(not os.path.exists(built.path("again.pb")), "it wrote")


@test("gomem-lines: names with offsets")
def _(built):
    """As a function's name, too."""
    leak = built.frames("leak")[0][0]
    out, _ = built.lines([[leak]], system_names=False)
    same(built.places(out), {("keep [gomem_built]", *built.line("keep")),
                             ("leak [gomem_built]", *built.line("leak"))}, "frames")


@test("gomem-lines: of what is gone")
def _(built):
    """A module that was there when the profile was taken is as good."""
    out, _ = built.lines([[built.frames("leak")[0][0] + " (gone)"]])
    same(built.places(out), {("keep [gomem_built] (gone)", *built.line("keep")),
                             ("leak [gomem_built] (gone)", *built.line("leak"))},
         "frames")


@test("gomem-lines: a call at the end")
def _(built):
    """It returns to where the next function begins."""
    calls = built.frames("last")[0]
    true(re.match(r"last\+0x(\w+)/0x\1 ", calls[-1]), calls)
    out, _ = built.lines([[calls[-1]]])
    same(built.places(out), {("last [gomem_built]", *built.line("last"))}, "frames")


@test("gomem-lines: one frame")
def _(built):
    """--at: as the doctor suggests."""
    frame = built.frames("leak")[0][0]
    keep, leak = built.line("keep"), built.line("leak")
    for text_ in (frame, frame.split()[0], frame + " (gone)"):
        said = run(LINES, "--at", text_, "--ko", built.ko)[0].decode()
        lines = [line.split() for line in said.splitlines()]
        same([(os.path.basename(place.rsplit(":", 1)[0]), int(place.rsplit(":", 1)[1]), name)
              for place, name in lines],
             [(*keep, "keep"), (*leak, "leak")], "lines")
    refused("is not of [ext4]", "--at", frame.split()[0] + " [ext4]", "--ko", built.ko)
    refused("is not symbol+0x", "--at", "leak", "--ko", built.ko)
    refused("give a PROFILE or --at", "--ko", built.ko)
    refused("give a PROFILE or --at", "--at", frame, "heap.pb", "--ko", built.ko)


@test("gomem-lines: functions of one name")
def _(built):
    """The size tells which; if it does not, nothing is told."""
    twins = built.frames("twin")
    same(len(twins), 2, "twins")
    out, _ = built.lines([[twin[0]] for twin in twins])
    same(built.places(out), {("twin [gomem_built]", *built.line("twin one")),
                             ("twin [gomem_built]", *built.line("twin two"))},
         "frames")
    alike = built.frames("same")
    same(len({twin[0] for twin in alike}), 1, "frames")
    _, said = built.lines([[alike[0][0], twins[0][0]]])
    true("1 of 2 frames have lines; the others are in [gomem_built] (1)" in said, said)


@test("gomem-lines: the kernel")
def _(built):
    """Is linked, and its frames are in no module."""
    leak = built.frames("leak", built.vmlinux, None)[0][0]
    module = built.frames("twin")[0][0]
    out, said = built.lines([[leak], [module]], "--vmlinux", built.vmlinux)
    true("[gomem_built] (1)" in said, said)
    true({("keep", *built.line("keep")), ("leak", *built.line("leak"))} <
         built.places(out), built.places(out))
    out, said = built.lines([[leak], [module]], "--vmlinux", built.vmlinux,
                            "--ko", built.ko)
    same(said, "", "stderr")


@test("gomem-lines: compressed and to a pipe")
def _(built):
    """As pprof writes it."""
    stacks = [[built.frames("leak")[0][0]]]
    out, _ = built.lines(stacks)
    packed = built.write("in.pb.gz", gzip.compress(profile(stacks)))
    with open(out, "rb") as file:
        same(run(LINES, packed, "--ko", built.ko)[0], file.read(), "from gzip")


@test("gomem-lines: wrong files")
def _(built):
    """Each with a word on what is wrong."""
    leak = built.frames("leak")[0][0]
    made = built.write("made.pb", profile([[leak]]))
    out = ("--output", built.path("none.pb"))
    refused("Give --ko or --vmlinux", made)
    refused("no such file: /nowhere.ko", made, "--ko", "/nowhere.ko", *out)
    refused("cannot read /nowhere.pb: no such file", "/nowhere.pb", "--ko", built.ko)
    refused("is no object file", made, "--ko", built.path("one.c"), *out)
    refused("has no debug information", made, "--ko", built.plain, *out)
    refused("it is the text form", built.write("t", "heap profile: 1: 2 [3: 4]\n"),
            "--ko", built.ko, *out)
    refused("it is no heap profile", built.ko, "--ko", built.ko, *out)
    refused("it is no heap profile", built.write("e", b""), "--ko", built.ko, *out)
    refused("has an offset", built.write("n.pb", profile([["leak [gomem_built]"]])),
            "--ko", built.ko, *out)
    refused("none is in the kernel", made, "--vmlinux", built.vmlinux, *out)
    refused("cannot write /nowhere/x", made, "--ko", built.ko, "--output", "/nowhere/x")
    error = run(sys.executable, LINES, made, "--ko", built.ko, *out, status=2,
                env={"PATH": "/nowhere"})[1]
    true("there is no readelf; it is in binutils" in error, error)


@test("gomem-lines: not what was loaded")
def _(built):
    """A file that was built anew since is found out."""
    leak = built.frames("leak")[0][0]
    longer = re.sub("/0x.*? ", "/0x777 ", leak)
    for frame, says in ((longer, "leak was 1911 bytes long, and here it is"),
                        (leak.replace("leak", "leak_more"), "it has no leak_more")):
        made = built.write("made.pb", profile([[leak], [frame]]))
        refused(says, made, "--ko", built.ko, "--output", built.path("none.pb"))
    true(not os.path.exists(built.path("none.pb")), "it wrote")


@test("gomem-lines: damaged profiles")
def _(built):
    """Whatever bytes are changed, it ends with 0 or 2, and in words."""
    data = profile([[built.frames("leak")[0][0], "worker"]])
    chance = random.Random(11)
    for _ in range(40):
        bad = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        del bad[chance.choice([len(bad), chance.randrange(len(bad))]):]
        path = built.write("bad.pb", bytes(bad))
        done = subprocess.run([LINES, path, "--ko", built.ko, "--output",
                               built.path("bad.out")], capture_output=True, env=ENV,
                              timeout=60, check=False)
        true(done.returncode in (0, 2) and b"Traceback" not in done.stderr,
             (bytes(bad), done))


def main():
    """Run the tests."""
    names = tap.words(__doc__)
    with tempfile.TemporaryDirectory(prefix="gomem.") as where:
        built = Built(where)
        return test.run(lambda: nullcontext(built), names)


if __name__ == "__main__":
    sys.exit(main())
