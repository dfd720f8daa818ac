# SPDX-License-Identifier: GPL-2.0
"""What gomem's tools have in common: how they begin, speak, write files and end.

    def main():
        parser = gomem_cli.parser("gomem-doctor", __doc__)
        ...

    if __name__ == "__main__":
        gomem_cli.run(main)

What they read may come from anybody, and has words in it that end up on a terminal:
nothing is printed but through run()'s streams, or through printable().
"""

import argparse
import os
import re
import signal
import stat
import sys

# That of include/linux/gomem.h, which is not there where the tools are installed.
VERSION = "0.9.0"
FAILED = 2              # the exit status


class Error(Exception):
    """What is wrong, in words for the user."""


def printable(text):
    """The text on one line, where what a terminal would act upon, or not show, is
    written as Python does: \\x1b."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else
                   c.encode("unicode_escape").decode("ascii") for c in text)


class Careful:
    """A stream that lets nothing through but printable text, in lines, with tabs."""

    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        """What print() and argparse call."""
        self.stream.write("\n".join("\t".join(map(printable, line.split("\t")))
                                    for line in text.split("\n")))
        return len(text)

    def __getattr__(self, name):
        return getattr(self.stream, name)


def reason(error):
    """Why a system call failed, to follow a colon."""
    return (error.strerror or str(error)).lower()


def complain(text):
    """A line on stderr, of which nothing depends."""
    try:
        print(f"{os.path.basename(sys.argv[0])}: {printable(text)}", file=sys.stderr)
    except OSError:
        pass


def warn(text):
    """A warning, for the user who may want to know."""
    complain(f"warning: {text}")


def write_file(path, content):
    """Put text or bytes into path such that no reader ever finds a part of it, and what was
    there stays there on failure. No symbolic link is followed, nor a device replaced."""
    # It takes a while to load, and few need it.
    import tempfile     # pylint: disable=import-outside-toplevel

    folder, name = os.path.split(path)
    aside = None
    try:
        if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
            raise Error(f"cannot write {path}: " + (
                "is a directory" if os.path.isdir(path) else "it is no regular file"))
        fd, aside = tempfile.mkstemp(prefix=f".{name}.", dir=folder or ".")
        with os.fdopen(fd, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        os.chmod(aside, 0o644)
        os.replace(aside, path)
        aside = None
    except OSError as e:
        raise Error(f"cannot write {path}: {reason(e)}") from None
    finally:
        if aside:
            os.unlink(aside)


def parser(name, text, **more):
    """A parser of options that has what all of the tools have."""
    made = argparse.ArgumentParser(
        prog=name, description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter, **more)
    made.add_argument("--version", action="version",
                      version=f"{name} (gomem) {VERSION}")
    return made


def natural(text):
    """A type of option: how many of something."""
    if not re.fullmatch("[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError(f"not a number: '{text[:40]}'")
    return int(text)


def binutils(program, *arguments, **options):
    """A program of binutils that has ended, with what it has said."""
    # They take a while to load, and few need them.
    import shutil       # pylint: disable=import-outside-toplevel
    import subprocess   # pylint: disable=import-outside-toplevel

    if not shutil.which(program):
        raise Error(f"there is no {program}; it is in binutils")
    return subprocess.run([program, *arguments], capture_output=True, text=True,
                          errors="surrogateescape", check=False,
                          env={**os.environ, "LC_ALL": "C"}, **options)


def outcome(main):
    """The exit status of main(): what it returns; FAILED, and a line on stderr, for
    whatever went wrong; that of a shell when it was interrupted."""
    sys.stdout, sys.stderr = Careful(sys.stdout), Careful(sys.stderr)
    try:
        try:
            status = main()
        except SystemExit as e:     # of argparse, or of a signal
            status = e.code
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Error as e:
        complain(str(e))
    except OSError as e:
        complain(reason(e))
    except Exception as e:  # pylint: disable=broad-except
        if sys.flags.dev_mode:
            raise
        at = e.__traceback__
        while at.tb_next:
            at = at.tb_next
        complain(f"this is a fault in the program, please report it: {type(e).__name__} at "
                 f"{os.path.basename(at.tb_frame.f_code.co_filename)}:{at.tb_lineno}: {e}")
    return FAILED


def open_streams():
    """Have all three streams. To write to a stdout that was closed is an error, and
    no file that is opened later is in its place."""
    for fd, name in (0, "stdin"), (1, "stdout"), (2, "stderr"):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR if fd == 2 else os.O_RDONLY)
            os.dup2(null, fd)
            setattr(sys, name, open(fd, "w" if fd else "r", encoding="utf-8"))
    for stream in sys.stdout, sys.stderr:
        stream.reconfigure(errors="backslashreplace")


def run(main):
    """Exit with the outcome of main()."""
    # As other programs: no word when nobody reads on.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    open_streams()
    status = outcome(main)
    for fd, stream in (1, sys.stdout), (2, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # What is left cannot be written, and Python would try again at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), fd)
    sys.exit(status)
