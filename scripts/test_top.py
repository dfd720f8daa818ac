#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Test gomemtop and gomem-plot with what a guest's gomem once showed.

Usage: scripts/test_top.py [NAME]...

Prints TAP. With names, only the tests whose names hold one of them are run. What
is in testdata/top/spike.tar.gz: the files at the height of a spike, and "stream",
what a shell recorded over all of it.
"""

import contextlib
import csv
import html.parser
import io
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import xml.etree.ElementTree as ET
from unittest import mock

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
TOOLS = os.path.join(HERE, "tools")
sys.path.insert(0, TOOLS)
import gomem_files                      # noqa: E402  pylint: disable=C0413
import tap                              # noqa: E402  pylint: disable=C0413
from gomem_term import Session          # noqa: E402  pylint: disable=C0413
from tap import load, same, true        # noqa: E402  pylint: disable=C0413

TOP = os.path.join(TOOLS, "gomemtop")
PLOT = os.path.join(TOOLS, "gomem-plot")
SVG = "{http://www.w3.org/2000/svg}"
NAMES = ("HeapSys", "HeapInuse", "HeapAlloc", "HeapIdle", "HeapReleased")
test = tap.Tests()


def run(*command, status=0, stdin=None, quiet=True):
    """Its output; if all is well, it has nothing else to say."""
    said, error = tap.run(*command, status=status, input=stdin)
    if status == 0 and quiet:
        same(error, "", "stderr")
    return said


class Running(subprocess.Popen):
    """A program that does not outlive the test."""

    def __exit__(self, *what):
        if self.poll() is None:
            self.kill()
        super().__exit__(*what)


def until(condition, seconds=20):
    """Wait until it holds; does it?"""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def refused(*command, says, stdin=None):
    """Exit status 2, and one line that says why."""
    said, error = tap.run(*command, status=2, input=stdin)
    true(re.search(says, error), f"{command[1:]} says {error!r}, not {says}")
    return said


def saved(where):
    """A copy of the saved files."""
    root = os.path.join(where, "root")
    with tarfile.open(os.path.join(HERE, "testdata/top/spike.tar.gz")) as archive:
        archive.extractall(root)
    stream = os.path.join(where, "stream")
    os.rename(os.path.join(root, "stream"), stream)
    return root


def text_of(path):
    """A file."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def put(path, text):
    """Write a file."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def top_json(root, *options):
    """What --json prints."""
    return json.loads(run(TOP, "--json", "--root", root, *options))


# --- gomemtop without a terminal. ---

@test("top: -o shows the numbers of the files")
def _(where):
    root = saved(where)
    out = run(TOP, "-o", "--root", root).splitlines()
    reading = gomem_files.read(root)
    m = reading.memstats
    mib = 1 << 20
    true(f"heap {m['HeapSys'] / mib:.1f}M" in out[0], out[0])
    true(f"in use {m['HeapInuse'] / mib:.1f}M" in out[0], out[0])
    true(f"live {m['HeapAlloc'] / mib:.1f}M" in out[2], out[2])
    rows = [line.split() for line in out[6:]]
    true(len(rows) == sum(c.live > 0 or c.spans > 0 for c in reading.classes), "rows")
    same(rows[1][:2], ["4096", "350"], "the second row")


@test("top: --json parses, and adds up")
def _(where):
    root = saved(where)
    top, reading = top_json(root, "--all"), gomem_files.read(root)
    heap = top["heap"]
    same(heap["live"] + heap["unused"] + heap["idle"] + heap["released"], heap["sys"])
    same(top["memstats"], reading.memstats)
    same(len(top["classes"]), 67, "classes")
    for row in top["classes"]:
        c = next(c for c in reading.classes if c.name == row["name"])
        same((row["live"], row["live_bytes"], row["spans"], row["mallocs"]),
             (c.live, c.live_bytes, c.spans, c.mallocs), row["name"])
        if c.size:
            same(row["waste"], c.spans * c.span - c.live * c.size, row["name"])
    same((top["rates"], top["interval"], top["sites"]), (None, None, None))


@test("top: sort orders")
def _(where):
    root = saved(where)
    for sort, key in (("live", "live_bytes"), ("waste", "waste"), ("class", "size")):
        rows = top_json(root, "--sort", sort)["classes"]
        values = [float("inf") if r[key] is None else r[key] for r in rows]
        same(values, sorted(values, reverse=sort != "class"), sort)
        lines = run(TOP, "-o", "-s", sort, "--root", root).splitlines()[6:]
        same([line.split()[0] for line in lines], [r["name"] for r in rows], sort)


def change(root, seconds, **deltas):
    """Let time pass for a copy: deltas are added to lines of memstats, or to the
    mallocs of a class if the name begins with c."""
    path = os.path.join(root, "memstats")
    when = os.stat(path).st_mtime
    text = text_of(path)
    for name, delta in deltas.items():
        if name[0] != "c":
            text = re.sub(rf"(?m)^({name}) (\d+)",
                          lambda m, d=delta: f"{m[1]} {int(m[2]) + d}", text)
    put(path, text)
    os.utime(path, (when + seconds, when + seconds))
    path = os.path.join(root, "classes")
    lines = text_of(path).splitlines()
    for name, delta in deltas.items():
        for i, line in enumerate(lines):
            words = line.split()
            if name[0] == "c" and words[1] == name[1:]:
                words[6], words[7] = str(int(words[6]) + delta), str(int(words[7]) + delta)
                lines[i] = " ".join(words)
    put(path, "\n".join(lines) + "\n")


def two_readings(root, options, **deltas):
    """What it prints when the files change while it waits for its second reading."""
    top, out = load(TOP), io.StringIO()
    with mock.patch.object(top.time, "sleep", lambda _: change(root, **deltas)), \
            mock.patch.object(sys, "argv", [TOP, "--root", root, "-d", "1", *options]), \
            contextlib.redirect_stdout(out):
        same(top.main(), 0)
    return out.getvalue()


@test("top: rates are differences over time")
def _(where):
    root = saved(where)
    top = json.loads(two_readings(
        root, ["--json", "-s", "rate"], seconds=4, Mallocs=4000, Frees=2000,
        TotalAlloc=80000, HeapAlloc=40000, Alloc=40000, c64=800, c4096=1200))
    same(top["interval"], 4.0)
    same(top["rates"], {"allocs": 1000.0, "frees": 500.0, "alloc_bytes": 20000.0,
                        "free_bytes": 10000.0})
    same([(r["name"], r["alloc_rate"], r["free_rate"]) for r in top["classes"][:2]],
         [("4096", 300.0, 300.0), ("64", 200.0, 200.0)], "greatest rates")


@test("top: counters that go back give no rates")
def _(where):
    root = saved(where)
    top = json.loads(two_readings(root, ["--json"], seconds=4, Mallocs=-100, Frees=10))
    same((top["rates"], top["classes"][0]["alloc_rate"]), (None, None))


@test("top: what is wrong is told")
def _(where):
    root = saved(where)
    text = re.sub("(?m)^(BadFrees|OutOfMemory|PagesStolen) .*\n", "", text_of(root + "/memstats"))
    put(root + "/memstats", text)
    true("bad frees" not in run(TOP, "-o", "--root", root), "nothing was wrong")
    put(root + "/memstats", text + "BadFrees 3\nOutOfMemory 4\nPagesStolen 2\n")
    out = run(TOP, "-o", "--root", root)
    true("3 bad frees  4 times out of memory  2 kfree() of gomem's" in out, out)


@test("top: when the next cycle is")
def _(where):
    root = saved(where)
    text = re.sub("(?m)^NextGC .*\n", "", text_of(root + "/memstats"))
    for value, words in ((0, None), (1 << 62, "next at 4.0E"), ((1 << 64) - 1, "next never")):
        put(root + "/memstats", f"{text}NextGC {value}\n")
        out = run(TOP, "-o", "--root", root).splitlines()[2]
        same(re.findall("next.*?(?=  |$)", out), [words] if words else [], out)


@test("top: with memstats.json alone, and without classes")
def _(where):
    root = saved(where)
    os.remove(root + "/classes")
    os.remove(root + "/memstats")
    rows = {r["name"]: r for r in top_json(root)["classes"]}
    by_size = {r[0]: r for r in gomem_files.read(root).by_size}
    same(rows["64"]["live"], by_size[64][1] - by_size[64][2], "live objects of 64 bytes")
    same(rows["64"]["waste"], None)
    true("4096" in run(TOP, "-o", "--root", root), "no class 4096")


@test("top: no sites, and none that is live")
def _(where):
    root = saved(where)
    true("no file 'sites'" in run(TOP, "-o", "--sites", "--root", root), "says nothing")


@test("top: bad input and bad options")
def _(where):
    root = saved(where)
    refused(TOP, "-o", "--root", where + "/none", says="no such directory")
    os.mkdir(where + "/empty")
    refused(TOP, "-o", "--root", where + "/empty", says="no memstats")
    for name, text in (("memstats", "HeapAlloc twelve\n"), ("classes", "gomem classes\n"),
                       ("classes", text_of(root + "/classes")[:3000])):
        bad = where + "/bad"
        shutil.copytree(root, bad)
        put(os.path.join(bad, name), text)
        refused(TOP, "--json", "--root", bad, says=f"cannot make sense of .*/{name}")
        shutil.rmtree(bad)
    for option in ("-d0", "-dnan", "-dx", "-d1e9", "-ssize", "--nonsense"):
        refused(TOP, "-o", "--root", root, option, says="error: ")
    refused(TOP, "--root", root, says="no terminal")


@test("top: a reader that goes away is no error")
def _(where):
    root = saved(where)
    for options in (["-o", "-a"], ["--json"]):
        with Running([TOP, *options, "--root", root], stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE) as top:
            top.stdout.close()
            same(top.stderr.read(), b"", "stderr")


@test("top: every size of the screen, every page")
def _(where):
    top = load(TOP)
    root = saved(where)
    put(root + "/sites", SITES.replace("worker", "work\x1b[31mer"))
    state = top.State(root)
    state.read()
    state.error = "gone"
    for page in "classes", "sites", "help":
        for width in (1, 2, 5, 12, 20, 33, 40, 53, 80, 132, 250):
            for height in (1, 2, 3, 4, 5, 6, 7, 8, 10, 24, 70, 100):
                view = top.View("waste", False, 2)
                view.page, view.top, view.chosen = page, 30, "1024"
                lines = view.screen(state, width, height)
                true(len(lines) <= height, f"{page} {width}x{height}: {len(lines)} lines")
                for line in lines:
                    text = "".join(t for t, _ in line)
                    true(len(text) <= width and text.isprintable(),
                         f"{page} {width}x{height}: {text!r}")
                    true(all(t for t, _ in line), "an empty piece")


SITES = """gomem sites - version: 1
rate 4096, 3 samples dropped
class     size      objects          bytes   oldest_s   samples
   43     4096            9          36864        300         9
\tleak+0x10/0x20 [gomem_leak]
\tworker+0x10/0x20 [gomem_leak]
   43     4096            2           8192          2         2
\tother+0x10/0x20
    0    73728            1          73728          5         1
\tbuffer+0x10/0x20
    5       64          100           6400          1         3
\tsmall+0x10/0x20
"""


@test("top: sites, of all classes and of one")
def _(where):
    top, root = load(TOP), saved(where)
    put(root + "/sites", SITES)
    state = top.State(root)
    state.read()
    view = top.View("live", True, 2)
    text = view.printed(state, 80, False)
    true("3 samples dropped" in text, "no word about lost samples")
    rows = [line.split() for line in text.splitlines()[7:]]
    same(rows[1][:5], ["36.0K", "9", "4096", "5m", "leak+0x10/0x20"])
    true("< worker+0x10/0x20" in text, "no caller")
    same([r[4].split("+")[0] for r in rows], ["buffer", "leak", "other", "small"], "order")
    for only, names in (("4096", ["leak", "other"]), ("large", ["buffer"]), ("8", [])):
        view.only = only
        rows = [line.split() for line in view.printed(state, 80, False).splitlines()[7:]]
        same([r[4].split("+")[0] for r in rows if r[0] != "no"], names, only)
    same([(s["name"], s["bytes"]) for s in top_json(root)["sites"]],
         [("large", 73728), ("4096", 36864), ("4096", 8192), ("64", 6400)], "in JSON")
    put(root + "/sites", "".join(SITES.splitlines(keepends=True)[:3]))
    state.read()
    view.only = None
    true("no sampled object" in view.printed(state, 80, False), "no words")


@test("top: the bar is as long as it should be, and true")
def _(_where):
    top = load(TOP)
    heap = {"sys": 1000, "live": 250, "unused": 250, "idle": 100, "released": 400}
    bar = "".join(t for t, _ in top.View.bar(heap, 42))
    same(bar, "[" + "#" * 10 + "+" * 10 + "." * 4 + "-" * 16 + "]")
    heap = dict.fromkeys(heap, 0)
    same("".join(t for t, _ in top.View.bar(heap, 12)), "[" + " " * 10 + "]")


@test("top: numbers for people")
def _(_where):
    top = load(TOP)
    for value, want in ((0, "0"), (999, "999"), (1023, "1023"), (1024, "1.0K"),
                        (102300, "99.9K"), (102350, "100K"), (1 << 20, "1.0M"), (1023.9 * 1024, "1.0M"),
                        (1 << 60, "1.0E"), (None, "-")):
        same(top.size(value), want, f"size({value})")
    same(top.count(12345), "12.3k")
    same(top.count(999960), "1.0m")
    same(top.count(0.26), "0.3")


# --- gomemtop on a terminal. ---

def shows(words):
    """A condition on a screen."""
    return lambda screen: any(words in line for line in screen.text())


class Top:
    """gomemtop on a terminal, ended whatever happens."""

    def __init__(self, root, *options, size=(80, 24), command=None, **environment):
        command = command or [TOP, "--root", root, *options]
        self.session = Session(command, *size, **environment)

    def __enter__(self):
        return self.session

    def __exit__(self, *_):
        self.session.close()


def started(session):
    """Wait until all of it is on the screen."""
    true(session.run(10, shows("q quit")), f"no screen: {session.screen.text()}")
    true(not session.same_modes(), "the modes of the terminal are as before")
    true(session.screen.alternate and session.screen.hidden, "no screen of its own")


def left(session, status):
    """It is gone, and the terminal is as it was."""
    same(session.wait(), status, "exit status")
    true(session.same_modes(), "the modes of the terminal have changed")
    true(not session.screen.alternate, "the other screen is still shown")
    true(not session.screen.hidden, "the cursor is still hidden")


@test("term: q quits")
def _(where):
    with Top(saved(where)) as session:
        started(session)
        true(shows("heap 32.1M")(session.screen), "no heap")
        session.key("q")
        left(session, 0)


@test("term: signals, and Ctrl-C, leave it sane")
def _(where):
    root = saved(where)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        with Top(root) as session:
            started(session)
            session.kill(number)
            left(session, 128 + number)
            true(b"Traceback" not in session.output, "a traceback")
    with Top(root) as session:
        started(session)
        session.key("\x03")
        left(session, 130)


@test("term: so does a bug")
def _(where):
    root = saved(where)
    code = ("import sys, importlib.util as u, importlib.machinery as m\n"
            "sys.dont_write_bytecode = True\n"
            f"l = m.SourceFileLoader('top', {TOP!r})\n"
            "top = u.module_from_spec(u.spec_from_loader('top', l)); l.exec_module(top)\n"
            "def bug(*_): raise ZeroDivisionError\n"
            "top.View.press = bug\n"
            f"sys.argv = ['gomemtop', '--root', {root!r}]\n"
            "top.gomem_cli.run(top.main)\n")
    with Top(root, command=[sys.executable, "-c", code],
             PYTHONPATH=TOOLS) as session:
        started(session)
        session.key("x")
        left(session, 2)
        true(shows("ZeroDivisionError")(session.screen), "no word about it")


@test("term: NO_COLOR, unless it is empty")
def _(where):
    root = saved(where)
    for value, colours in ("", True), ("1", False):
        with Top(root, NO_COLOR=value) as session:
            started(session)
            session.key("q")
            left(session, 0)
            same(bool(re.search(rb"\x1b\[[0-9;]*3[1-7]m", session.output)), colours, value)


@test("term: another size")
def _(where):
    # LINES and COLUMNS of a shell are not believed.
    with Top(saved(where), LINES="50", COLUMNS="132") as session:
        started(session)
        for columns, lines in ((40, 10), (132, 50), (7, 4), (1, 1), (80, 24)):
            session.set_size(columns, lines)
            if columns >= 40:
                true(session.run(5, lambda s: s.text()[-1].startswith("q quit") and
                                 any(l.startswith("[###") and l.endswith("]") and
                                     len(l) == s.columns for l in s.text())),
                     f"at {columns}x{lines}: {session.screen.text()}")
            else:
                session.run(0.3)
        session.set_size(40, 10)
        true(session.run(5, shows("of 67")), "no table")
        session.key("q")
        left(session, 0)


@test("term: keys")
def _(where):
    root = saved(where)

    def first(sort):
        names = [r["name"] for r in top_json(root, "-s", sort)["classes"]][:2]
        return lambda s: [l.split()[0] for l in s.text()[6:8] if l.split()] == names

    with Top(root) as session:
        started(session)
        for key, sort in (("w", "waste"), ("c", "class"), ("l", "live")):
            session.key(key)
            true(session.run(5, first(sort)), f"not by {sort}: {session.screen.text()}")
        session.key("\x1b[6~")          # a page down
        session.key("jj\x1bOBk")
        session.key("\r")
        true(session.run(5, shows("only class")), "no sites of a class")
        session.key("s")
        true(session.run(5, first("live")), "not back")
        session.key("s")
        true(session.run(5, shows("there is no file 'sites'")), "no sites")
        session.key("?")
        true(session.run(5, shows("What the words mean")), "no help")
        session.key("?")
        true(session.run(5, first("live")), "not back")
        session.key("+")
        true(session.run(5, shows("every 4 s")), "no other delay")
        session.key("q")
        left(session, 0)


@test("term: rates appear, and follow the files")
def _(where):
    root = saved(where)
    with Top(root, "-d", "0.2") as session:
        started(session)
        true(shows("two readings are needed")(session.screen), "rates of one reading")
        change(root, seconds=2, Mallocs=2000, TotalAlloc=4096, c64=100)
        true(session.run(5, shows("alloc 1.0k/s 2.0KB/s")), f"{session.screen.text()}")


@test("term: files that go away, and come back")
def _(where):
    root = saved(where)
    with Top(root, "-d", "0.2") as session:
        started(session)
        os.rename(root, root + ".away")
        true(session.run(5, shows("not read: no such directory")), "no word about it")
        os.rename(root + ".away", root)
        true(session.run(5, lambda s: not shows("not read")(s)), f"not read again: {session.screen.text()[4:7]}")
        session.key("q")
        left(session, 0)


@test("term: Ctrl-Z, and back")
def _(where):
    with Top(saved(where)) as session:
        started(session)
        session.key("\x1a")
        end = time.monotonic() + 5
        pid = 0
        while not pid and time.monotonic() < end:
            pid, status = os.waitpid(session.pid, os.WNOHANG | os.WUNTRACED)
            session.run(0.05)
        true(pid and os.WIFSTOPPED(status), "it does not stop")
        true(session.same_modes() and not session.screen.alternate, "stopped, not sane")
        session.kill(signal.SIGCONT)
        true(session.run(5, lambda s: s.alternate and shows("q quit")(s)), "not back")
        session.key("q")
        left(session, 0)


@test("term: a terminal that is no more")
def _(where):
    root = saved(where)
    # In a session of its own no SIGHUP tells it, only the end of what can be read.
    with Top(root, command=["sh", "-c", f"trap '' HUP; setsid -w {TOP} --root {root} "
                            f"2>{where}/said; echo $? >{where}/status"]) as session:
        started(session)
        for fd in session.master, session.slave:
            os.close(fd)
        session.master, session.slave = os.openpty()
        true(session.wait() is not None, "it goes on")
        same(text_of(where + "/status"), f"{128 + signal.SIGHUP}\n", "exit status")
        same(text_of(where + "/said"), "", "stderr")


@test("term: terminals that cannot be used")
def _(where):
    root = saved(where)
    for kind in ("nonesuch", ""):
        with Session(["env", f"TERM={kind}", TOP, "--root", root]) as session:
            same(session.wait(), 2, f"TERM={kind}: exit status")
            true(session.same_modes(), "the modes of the terminal have changed")


# --- gomem-plot record. ---

def documents(where):
    """What the stream holds: (time, object)."""
    lines = text_of(where + "/stream").splitlines()
    return list(zip(map(float, lines[::2]), map(json.loads, lines[1::2])))


def rows_of(path):
    """A recording, if it was begun."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="ascii", newline="") as file:
        return list(csv.DictReader(file))


def recorded(where):
    """The CSV of the stream."""
    saved(where)
    path = where + "/heap.csv"
    run(PLOT, "record", "--from", where + "/stream", path, quiet=False)
    return path


@test("record: the numbers of a stream")
def _(where):
    path = recorded(where)
    rows, docs = rows_of(path), documents(where)
    same(len(rows), len(docs))
    for row, (when, doc) in zip(rows, docs):
        same(float(row["time"]), when)
        for name in ("HeapSys", "HeapReleased", "NumGC", "Mallocs", "GCCPUFraction"):
            same(float(row[name]), float(doc[name]), name)
        for size in doc["BySize"][1:]:
            same((int(row[f"mallocs_{size['Size']}"]), int(row[f"frees_{size['Size']}"])),
                 (size["Mallocs"], size["Frees"]), f"class {size['Size']}")


@test("record: from a pipe, in two goes, as from a file")
def _(where):
    path = recorded(where)
    lines = text_of(where + "/stream").splitlines(keepends=True)
    for part in lines[:20], lines[20:]:
        # A serial line's ends of lines, and /proc/uptime's second number.
        text = "".join(l if l[0] == "{" else l.rstrip() + " 1.5\r\n" for l in part)
        run(PLOT, "record", "--from", "-", where + "/two.csv", stdin=text, quiet=False)
    same(text_of(where + "/two.csv"), text_of(path))


@test("record: a row is there as soon as it was read")
def _(where):
    saved(where)
    lines = text_of(where + "/stream").splitlines(keepends=True)
    with Running([PLOT, "record", "--from", "-", where + "/a.csv"], text=True,
                 stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as plot:
        for n in (2, 3):
            plot.stdin.write("".join(lines[2 * n:2 * n + 2]))
            plot.stdin.flush()
            until(lambda want=n - 1: len(rows_of(where + "/a.csv")) >= want)
            same(len(rows_of(where + "/a.csv")), n - 1, "rows")
        plot.send_signal(signal.SIGINT)         # not the end of what is written
        time.sleep(0.2)
        plot.stdin.write("".join(lines[8:10]))
        plot.stdin.close()
        same(plot.wait(10), 0, "exit status")
    same(len(rows_of(where + "/a.csv")), 3, "rows")


@test("record: a stream that was torn")
def _(where):
    saved(where)
    text = text_of(where + "/stream")
    lines = text.splitlines(keepends=True)
    out = where + "/a.csv"
    for torn, want in ((text[:-500], 30),
                       ("".join(lines[:4]) + lines[4] + lines[5][:700] + "".join(lines[6:]), 29)):
        done = subprocess.run([PLOT, "record", "--from", "-", out], input=torn, text=True,
                              capture_output=True, check=False)
        same((done.returncode, len(rows_of(out))), (0, want), done.stderr)
        true("left out" in done.stderr, "no word about it")
        os.remove(out)


@test("record: at an interval, until a signal")
def _(where):
    root = saved(where)
    for number in (signal.SIGINT, signal.SIGTERM):
        path = f"{where}/{number}.csv"
        with Running([PLOT, "record", "--root", root, "--interval", "0.05", path],
                     stderr=subprocess.DEVNULL) as plot:
            true(until(lambda p=path: len(rows_of(p)) >= 10), "no rows")
            plot.send_signal(number)
            same(plot.wait(10), 0, "exit status")
        rows = rows_of(path)
        # They may come late, never early.
        true(float(rows[-1]["time"]) - float(rows[0]["time"]) > 0.05 * (len(rows) - 2),
             f"{len(rows)} rows too early")
        true(abs(float(rows[0]["time"]) - time.time()) < 60, "not the time of day")
        true(float(rows[-1]["time"]) > float(rows[0]["time"]), "no time goes by")
    run(PLOT, "record", "--root", root, "--interval", "0.05", "--count", "3",
        where + "/n.csv", quiet=False)
    same(len(rows_of(where + "/n.csv")), 3)


@test("record: files that go away, and come back")
def _(where):
    root = saved(where)
    path = where + "/a.csv"
    with Running([PLOT, "record", "--root", root, "--interval", "0.02", path],
                 stderr=subprocess.PIPE, text=True) as plot:
        true(until(lambda: rows_of(path)), "no rows")
        os.rename(root, root + ".away")
        said = plot.stderr.readline()
        before = len(rows_of(path))
        os.rename(root + ".away", root)
        true(until(lambda: len(rows_of(path)) > before), "not read again")
        plot.terminate()
        said += plot.communicate(timeout=10)[1]
        same(plot.returncode, 0, said)
    same((said.count("waiting"), said.count("again")), (1, 1), said)


@test("record: killed, it leaves whole rows, and goes on after them")
def _(where):
    root = saved(where)
    path = where + "/a.csv"
    for i in (1, 2, 3):
        with Running([PLOT, "record", "--root", root, "--interval", "0.01",
                      path], stderr=subprocess.DEVNULL) as plot:
            true(until(lambda n=12 * i: len(rows_of(path)) >= n), "no rows")
            plot.kill()
    text = text_of(path)
    true(text.endswith("\n"), "the last row is torn")
    columns = text.splitlines()[0].count(",")
    true(all(line.count(",") == columns for line in text.splitlines()), "a torn row")
    true(text.count("\n") > 30, "few rows")
    same(text.count("HeapSys"), 1, "headings")


@test("record: after a row that was torn")
def _(where):
    path = recorded(where)
    whole = text_of(path)
    put(path, whole[:-20])
    done = subprocess.run([PLOT, "record", "--from", where + "/stream", "--count", "2", path],
                          capture_output=True, text=True, check=False)
    same(done.returncode, 0, done.stderr)
    true("not complete" in done.stderr, "no word about it")
    text = text_of(path)
    true(text.startswith(whole[:-20] + "\n"), "what was there is not there")
    same(len(text.splitlines()), 34)
    done = subprocess.run([PLOT, "draw", path], capture_output=True, text=True, check=False)
    same(done.returncode, 0, done.stderr)
    true("line 32 is not complete" in done.stderr, done.stderr)
    # A heading that was torn is no row; it is written anew.
    put(path, whole[:100])
    run(PLOT, "record", "--from", where + "/stream", path, quiet=False)
    same(text_of(path), whole)


@test("record: one at a time, into what it made")
def _(where):
    path = recorded(where)
    root = where + "/root"
    with Running([PLOT, "record", "--from", "-", path], stdin=subprocess.PIPE,
                 stderr=subprocess.DEVNULL) as plot:
        time.sleep(0.5)
        refused(PLOT, "record", "--from", where + "/stream", path, says="another")
        plot.stdin.close()
        same(plot.wait(10), 2, "a stream with nothing")
    refused(PLOT, "record", "--root", root, "--count", "1", path, says="since a boot")
    put(where + "/other.csv", "a,b\n1,2\n")
    refused(PLOT, "record", "--root", root, where + "/other.csv", says="columns")
    same(text_of(where + "/other.csv"), "a,b\n1,2\n")


@test("record: bad input and bad options")
def _(where):
    root, csv_file = saved(where), where + "/a.csv"
    stream = text_of(where + "/stream").splitlines(keepends=True)
    refused(PLOT, "record", "--root", where + "/none", csv_file, says="no such directory")
    true(not os.path.exists(csv_file), "a file for nothing")
    refused(PLOT, "record", "--from", where + "/none", csv_file, says="cannot read")
    refused(PLOT, "record", "--from", "-", csv_file, stdin="", says="no memstats.json in it")
    refused(PLOT, "record", "--from", "-", csv_file, stdin="hello\n", says="line 1 is neither")
    refused(PLOT, "record", "--from", "-", csv_file, stdin=stream[1], says="no time before")
    refused(PLOT, "record", "--from", "-", csv_file, stdin="1\n{}\n", says="no memstats.json")
    refused(PLOT, "record", "--root", root, "/dev/full", says="no file that rows")
    refused(PLOT, "record", "--root", root, where, says="cannot write")
    for option in ("--interval=0", "--interval=nan", "--count=0", "--count=x"):
        refused(PLOT, "record", "--root", root, option, csv_file, says="error: ")
    refused(PLOT, says="error: ")


# --- gomem-plot draw. ---

def drawn(path, *options):
    """The picture's root element."""
    return ET.fromstring(run(PLOT, "draw", path, "-o", "-", *options))


def find(svg, name, value=None):
    """The elements that have an attribute."""
    return [e for e in svg.iter() if e.get(name) is not None and
            (value is None or e.get(name) == value)]


def values_of(svg, series):
    """(t, bytes) of each point, computed back from where it is."""
    plot = find(svg, "data-plot", "lines")[0]
    left, width = map(float, plot.get("data-x").split())
    t0, t1 = map(float, plot.get("data-t").split())
    bottom, high = map(float, plot.get("data-y").split())
    ceiling = float(plot.get("data-bytes"))
    for line in find(svg, "data-series", series)[0].iter(SVG + "polyline"):
        for point in line.get("points").split():
            x, y = map(float, point.split(","))
            yield t0 + (x - left) / width * (t1 - t0), (bottom - y) / high * ceiling


def agrees(svg, rows):
    """The lines are those of the rows."""
    ceiling = float(find(svg, "data-plot", "lines")[0].get("data-bytes"))
    start, end = float(rows[0]["time"]), float(rows[-1]["time"])
    for name in NAMES:
        points = list(values_of(svg, name))
        same(len(points), len(rows), name)
        for (t, value), row in zip(points, rows):
            true(abs(t - (float(row["time"]) - start)) <= (end - start) / 1e4, "a time")
            true(abs(value - int(row[name])) <= ceiling / 1e4,
                 f"{name}: {value}, not {row[name]}")
        group = find(svg, "data-series", name)[0]
        same(int(group.get("data-peak")), max(int(r[name]) for r in rows), name)
        same(int(group.get("data-last")), int(rows[-1][name]), name)


@test("draw: well-formed, and the numbers of the CSV")
def _(where):
    path = recorded(where)
    agrees(drawn(path), rows_of(path))


@test("draw: the classes, and what is above them")
def _(where):
    path = recorded(where)
    rows, svg = rows_of(path), drawn(path)
    want = {}
    for size in (8, 64, 4096, 19072):
        want[str(size)] = max(size * (int(r[f"mallocs_{size}"]) - int(r[f"frees_{size}"]))
                              for r in rows)
    sizes = [int(n[8:]) for n in rows[0] if n.startswith("mallocs_")]
    want["> 19072"] = max(int(r["HeapAlloc"]) - sum(
        s * (int(r[f"mallocs_{s}"]) - int(r[f"frees_{s}"])) for s in sizes) for r in rows)
    for name, peak in want.items():
        same(int(find(svg, "data-class", name)[0].get("data-peak")), peak, name)
    # The darkest cell is there, and once a row; nothing is drawn where nothing was.
    plot = find(svg, "data-plot", "classes")[0]
    same(int(plot.get("data-most")), max(int(g.get("data-peak"))
                                         for g in find(svg, "data-class")))
    true([e for e in plot.iter(SVG + "rect") if e.get("class") == "h8"], "no darkest cell")
    module = load(PLOT)
    same([module.Chart.level(v, 1024) for v in (0, 1, 8, 9, 512, 513, 1024)],
         [0, 1, 1, 2, 7, 8, 8], "levels")


def made_up(path, count=40, **columns):
    """A recording with values of functions of the row."""
    source = rows_of(path)
    for i in range(count):
        row = dict(source[min(i, len(source) - 1)])
        row["time"] = f"{1e9 + i:.3f}"
        for name, function in columns.items():
            row[name] = function(i)
        yield row


def write_rows(path, rows):
    """A CSV."""
    rows = list(rows)
    with open(path, "w", encoding="ascii", newline="") as file:
        out = csv.DictWriter(file, rows[0], lineterminator="\n")
        out.writeheader()
        out.writerows(rows)
    return path


@test("draw: events are steps of NumGC and HeapReleased")
def _(where):
    path = recorded(where)
    svg = drawn(path)
    rows = rows_of(path)
    released = [int(r["HeapReleased"]) for r in rows]
    want = sum(max(b - a, 0) for a, b in zip(released, released[1:]))
    true(want > 0, "nothing was released in the recording")
    same(int(find(svg, "data-events", "scavenge")[0].get("data-total")), want)
    same(len(find(svg, "data-events", "gc")[0]), 0, "cycles")
    rows = made_up(path, NumGC=lambda i: i // 10 * 2, NumForcedGC=lambda i: i // 20 * 2)
    svg = drawn(write_rows(where + "/gc.csv", rows))
    marks = list(find(svg, "data-events", "gc")[0])
    same(find(svg, "data-events", "gc")[0].get("data-total"), "6")
    same([m.get("class") for m in marks], ["gc", "gc forced", "gc"])
    true("2 reclaim cycles, 2 forced at 20.0 s" in marks[1][0].text, marks[1][0].text)


@test("draw: lines break where nothing is known")
def _(where):
    path = recorded(where)
    rows = list(made_up(path, Mallocs=lambda i: i % 20, Frees=lambda i: 0,
                        TotalAlloc=lambda i: 1000))
    for i in range(30, 40):
        rows[i]["time"] = f"{1e9 + 500 + i:.3f}"     # a gap
    for i in range(35, 40):
        rows[i]["time"] = f"{1e9 + i:.3f}"           # the clock goes back
    svg = drawn(write_rows(where + "/a.csv", rows))
    whys = [e[0].text for e in svg.iter(SVG + "rect") if e.get("class") == "gap"]
    same(whys, ["gomem was loaded anew", "nothing was recorded", "the clock went back"])
    for name in NAMES:
        same(len(list(find(svg, "data-series", name)[0].iter(SVG + "polyline"))), 4, name)
    times = [t for t, _ in values_of(svg, "HeapSys")]
    same(times, sorted(times), "times")


@test("draw: a long recording is thinned, without its peaks")
def _(where):
    path = recorded(where)
    rows = made_up(path, 20000, HeapAlloc=lambda i: 9 << 20 if i == 12345 else i,
                   HeapInuse=lambda i: 9 << 20)
    path = write_rows(where + "/long.csv", rows)
    text = run(PLOT, "draw", path, "-o", "-")
    true(len(text) < 600000, f"{len(text)} bytes")
    svg = ET.fromstring(text)
    points = list(values_of(svg, "HeapAlloc"))
    true(max(v for _, v in points) > 8.9 * (1 << 20), "the peak is gone")
    true(len(points) < 4 * 1000, f"{len(points)} points")
    same(points, sorted(points, key=lambda p: p[0]), "points")


@test("draw: a day of a reading a second takes no more than 150 MB")
def _(where):
    head, *rows = text_of(recorded(where)).splitlines()
    rows = [row.split(",", 1)[1] for row in rows]
    path = where + "/day.csv"
    with open(path, "w", encoding="ascii") as file:
        file.write(head + "\n")
        for i in range(86400):
            file.write(f"{1e9 + i:.3f},{rows[i % 5000 if i % 5000 < 20 else 20 + i % 11]}\n")
    done = subprocess.run([PLOT, "draw", path], stderr=subprocess.PIPE, text=True, check=False)
    same(done.returncode, 0, done.stderr)
    # Of all children; those before it were smaller.
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    true(most <= 150 * 1000, f"{most} KB")
    svg = ET.parse(where + "/day.svg").getroot()
    column = head.split(",").index("HeapAlloc") - 1
    peak = max(int(row.split(",")[column]) for row in rows)
    same(int(find(svg, "data-series", "HeapAlloc")[0].get("data-peak")), peak)
    ceiling = float(find(svg, "data-plot", "lines")[0].get("data-bytes"))
    drawn_peak = max(value for _, value in values_of(svg, "HeapAlloc"))
    true(abs(drawn_peak - peak) <= ceiling / 1e4, f"the peak {peak} is drawn at {drawn_peak}")


@test("draw, record: no symbolic link is followed")
def _(where):
    path = recorded(where)
    target = where + "/target"
    put(target, "old")
    for link in "heap.svg.new", "new.csv", "new.svg":
        os.symlink(target, os.path.join(where, link))
    run(PLOT, "draw", path, "-o", where + "/heap.svg")
    ET.parse(where + "/heap.svg")
    refused(PLOT, "draw", path, "-o", where + "/new.svg", says="no regular file")
    refused(PLOT, "record", "--root", where + "/root", where + "/new.csv", says="a symbolic link")
    same(text_of(target), "old")


@test("draw: from a pipe; not from what has no end")
def _(where):
    path = recorded(where)
    run("sh", "-c", f"{PLOT} draw /dev/fd/3 -o {where}/a.svg 3<&0", stdin=text_of(path))
    run(PLOT, "draw", path, "-o", where + "/b.svg")
    same(text_of(where + "/a.svg"), text_of(where + "/b.svg"))
    refused(PLOT, "draw", "/dev/zero", says="no regular file")
    with open(path, "ab") as file:
        file.write(b"\x1b[31m" * 400000 + b"\n" + b"9" * 400 + b",1\n" * 20)
    done = subprocess.run([PLOT, "draw", path], capture_output=True, text=True, check=False)
    same(done.returncode, 0, done.stderr)
    same((done.stderr.count("left out"), "\x1b" in done.stderr), (6, False), done.stderr)


@test("draw: times that no clock shows")
def _(where):
    path = recorded(where)
    rows = list(made_up(path))
    for i, when in enumerate(("1e300", "253402300800", "nan", "inf", "-1", "9" * 400), 10):
        rows[i]["time"] = when
    done = subprocess.run([PLOT, "draw", write_rows(where + "/a.csv", rows)],
                          capture_output=True, text=True, check=False)
    same((done.returncode, done.stderr.count("left out")), (0, 6), done.stderr)


@test("draw: a part of it")
def _(where):
    path = recorded(where)
    rows = rows_of(path)
    start = float(rows[0]["time"])
    part = [r for r in rows if 3 <= float(r["time"]) - start <= 8]
    svg = drawn(path, "--first", "3", "--last", "8")
    points = list(values_of(svg, "HeapInuse"))
    same(len(points), len(part))
    true(abs(points[0][0] - (float(part[0]["time"]) - start)) < 0.01, "another time")


@test("draw: words for everything")
def _(where):
    path = recorded(where)
    svg = drawn(path, "--title", 'a "spike" & <more>')
    words = [e.text for e in svg.iter(SVG + "text")]
    for want in ('a "spike" & <more>', "memory, MiB", "size class, bytes", "gc", "scavenge",
                 "live bytes of a class", *NAMES):
        true(want in words, f"no '{want}'")
    true(any(w.startswith("time, s; 0 is ") for w in words), "no unit of time")
    same(svg.find(SVG + "title").text, 'a "spike" & <more>')
    true("HeapSys peak" in svg.find(SVG + "desc").text, "no description")


def luminance(colour):
    """Of #rgb or #rrggbb, as WCAG has it."""
    text = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = [int(text[i:i + 2], 16) / 255 for i in (0, 2, 4)]
    parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@test("draw: colours can be told from light and dark grounds")
def _(_where):
    light, dark = load(PLOT).STYLE.split("@media (prefers-color-scheme: dark)")
    for style, what in (light, "light"), (dark, "dark"):
        ground = re.search(r"\.ground { fill: (#\w+)", style)[1]
        for name in (*NAMES, "text", "gc"):
            found = re.search(rf"\.?{name} {{ [^}}]*?(?:stroke|fill): (#\w+)", style)
            a, b = sorted((luminance(ground), luminance(found[1])))
            true((b + 0.05) / (a + 0.05) >= 4.5, f"{what}: {name} {found[1]} on {ground}")
        steps = [luminance(re.search(rf"\.h{i} {{ fill: (#\w+)", style)[1])
                 for i in range(1, 9)]
        same(steps, sorted(steps, reverse=what == "light"), f"{what}: levels")


@test("draw: HTML that needs nothing else")
def _(where):
    path = recorded(where)
    out = where + "/heap.html"
    run(PLOT, "draw", path, "-o", out)
    text = text_of(out)
    tags = []

    class Reader(html.parser.HTMLParser):
        """Collects tags."""
        def handle_starttag(self, tag, attrs):
            tags.append(tag)
            for name, _ in attrs:
                true(name not in ("src", "href", "onclick"), f"{tag} has {name}")
    Reader().feed(text)
    true({"svg", "table", "h2"} <= set(tags) and not {"script", "link"} & set(tags), tags)
    same(set(re.findall(r"https?://[^\"' ]*", text)), {"http://www.w3.org/2000/svg"})
    true("url(" not in text and "@import" not in text, "it refers to something")
    svg = ET.fromstring(re.search("<svg.*</svg>", text, re.S)[0])
    agrees(svg, rows_of(path))
    peak = max(int(r["HeapSys"]) for r in rows_of(path))
    true(f"<td>{peak:,}" in text, "no table")


@test("draw: the default name; nothing half written")
def _(where):
    path = recorded(where)
    run(PLOT, "draw", path)
    ET.parse(where + "/heap.svg")
    true(not os.path.exists(where + "/heap.svg.new"), "what was in between is still there")


@test("draw: bad input and bad options")
def _(where):
    path = recorded(where)
    lines = text_of(path).splitlines(keepends=True)
    refused(PLOT, "draw", where + "/none.csv", says="cannot read")
    for text, says in (("", "no recording"), ("a,b\n1,2\n", "no column"),
                       (lines[0], "no rows"), (lines[0] + lines[1], "1 rows?, two are needed"),
                       (lines[0].replace("HeapSys", "HeapSus"), "no column HeapSys"),
                       (lines[0] + "x,y\n", "no rows")):
        put(where + "/bad.csv", text)
        refused(PLOT, "draw", where + "/bad.csv", says=says)
    with open(where + "/bad.csv", "wb") as file:
        file.write(os.urandom(3000))
    refused(PLOT, "draw", where + "/bad.csv", says="bad.csv")
    refused(PLOT, "draw", path, "-o", where + "/a.png", says="should end in")
    refused(PLOT, "draw", path, "-o", where + "/none/a.svg", says="cannot write")
    refused(PLOT, "draw", path, "--first", "9999", says="in that time")
    refused(PLOT, "draw", path, "--first", "x", says="error: ")
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([PLOT, "draw", path, "-o", "-"], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    same(done.returncode, 2, "to a full disk: exit status")
    true("no space" in done.stderr and "Traceback" not in done.stderr, done.stderr)
    with Running([PLOT, "draw", path, "-o", "-"], stdout=subprocess.PIPE,
                 stderr=subprocess.PIPE) as plot:
        plot.stdout.close()
        same(plot.stderr.read(), b"", "stderr")


def main():
    """Run the tests."""
    return test.run(lambda: tempfile.TemporaryDirectory(prefix="gomem."),
                    tap.words(__doc__))


if __name__ == "__main__":
    sys.exit(main())
