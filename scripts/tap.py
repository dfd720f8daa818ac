# SPDX-License-Identifier: GPL-2.0
"""What the tests in Python have in common: tests with names, which print TAP, what they
judge by, and how they call programs.

    test = tap.Tests()

    @test("one and one")
    def _(where):
        tap.same(1 + 1, 2, "the sum")

    test.run(lambda: tempfile.TemporaryDirectory(prefix="gomem."))
"""

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import traceback


class Tests:
    """Tests in their order; calling it with a name registers a function."""

    def __init__(self):
        self.all = []

    def __call__(self, name):
        def register(function):
            self.all.append((name, function))
            return function
        return register

    def run(self, given, names=()):
        """Run all, or those whose names hold one of names; gives the exit status. Each
        gets what the context manager that given() makes is entered as."""
        chosen = [t for t in self.all if not names or any(n in t[0] for n in names)]
        failed = 0
        for number, (name, function) in enumerate(chosen, 1):
            with given() as what:
                try:
                    function(what)
                    print(f"ok {number} - {name}", flush=True)
                except (Exception, SystemExit):   # pylint: disable=broad-except
                    failed += 1
                    print(f"not ok {number} - {name}")
                    for line in traceback.format_exc().splitlines()[-6:]:
                        print("# " + line[:600], flush=True)
        return 1 if failed or not chosen else 0


def words(doc, count=None):
    """The command line's, so many if that is given; or the end, with the help text."""
    given = sys.argv[1:]
    asked = given[:1] in (["-h"], ["--help"])
    if asked or count not in (None, len(given)):
        print(doc.strip())
        sys.exit(0 if asked else 2)
    return given


def same(have, want, what=""):
    """Fail unless two values are equal."""
    if have != want:
        raise AssertionError(f"{what} {have!r}, not {want!r}")


def true(value, what):
    """Fail unless it holds."""
    if not value:
        raise AssertionError(what)


def run(*command, status=0, **options):
    """What it said, in text; fails if the exit status is another one, or Python has had
    a word."""
    done = subprocess.run(command, capture_output=True, check=False,
                          **{"text": True, "timeout": 300, **options})
    error = done.stderr if isinstance(done.stderr, str) else \
        done.stderr.decode(errors="replace")
    same(done.returncode, status,
         f"{command[1:]}: {done.stdout[-500:]} {error} exit status")
    true("Traceback" not in error, error)
    return done.stdout, error


def load(path):
    """A program as a module."""
    name = os.path.basename(path).replace("-", "_")
    loader = importlib.machinery.SourceFileLoader(name, path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module
