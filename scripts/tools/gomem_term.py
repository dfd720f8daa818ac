#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Run a program on a terminal of its own, and show its screen as SVG or text.

    gomem_term.py --size 80x24 --until B/s --keys w --svg top.svg -- gomemtop -d 1

starts the program, waits for words, lets it run for --after seconds before each key
and after the last one, takes the picture, and ends the program with SIGTERM. The
tests use the same terminal as a module.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from html import escape

sys.dont_write_bytecode = True
try:
    import gomem_cli
except ModuleNotFoundError as missing:
    sys.stderr.write(f"gomem_term.py: there is no {missing.name}.py beside it; copy that, too\n")
    sys.exit(2)

PLAIN = (None, None, frozenset())      # foreground, background, attributes


class Screen:
    """What a program that believes in TERM=xterm has drawn. A sequence that is
    not known is a ValueError, so that no picture is wrong in silence."""

    SEQUENCE = re.compile(r"\x1b(?:\[([?>]?)([0-9;]*)([@-~])|[()]([0-9A-Z])|([=>78M]))")

    def __init__(self, columns, lines):
        self.rest = ""
        self.style = PLAIN
        self.x = self.y = 0
        self.last = " "
        self.alternate = False
        self.hidden = False
        self.cells = []
        self.columns = self.lines = 0
        self.resize(columns, lines)

    def resize(self, columns, lines):
        """What was there stays where it was."""
        old = self.cells
        self.columns, self.lines = columns, lines
        self.cells = [[old[y][x] if y < len(old) and x < len(old[y]) else (" ", PLAIN)
                       for x in range(columns)] for y in range(lines)]
        self.x, self.y = min(self.x, columns - 1), min(self.y, lines - 1)
        self.region = (0, lines - 1)

    def text(self):
        """The lines, without blanks at their ends."""
        return ["".join(c for c, _ in row).rstrip() for row in self.cells]

    def feed(self, data):
        """Take what the program wrote."""
        text = self.rest + data
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                found = self.SEQUENCE.match(text, at)
                if not found:
                    if len(text) - at > 40:
                        raise ValueError(f"not known: {text[at:at + 12]!r}")
                    break       # the rest of it is still to come
                at = found.end()
                if found[3]:
                    self.sequence(found[1], found[2], found[3])
                elif found[5] == "M":
                    if self.y == self.region[0]:
                        self.scroll(self.y, down=True)
                    else:
                        self.y = max(self.y - 1, 0)
            else:
                self.put(text[at])
                at += 1
        self.rest = text[at:]

    def put(self, char):
        """One character."""
        if char == "\r":
            self.x = 0
        elif char == "\n":
            if self.y == self.region[1]:
                self.scroll(self.region[0], down=False)
            else:
                self.y = min(self.y + 1, self.lines - 1)
        elif char == "\b":
            self.x = max(self.x - 1, 0)
        elif char >= " ":
            if self.x == self.columns:
                self.x = 0
                self.put("\n")
            self.cells[self.y][self.x] = (char, self.style)
            self.last = char
            self.x += 1
        elif char != "\a":
            raise ValueError(f"not known: {char!r}")

    def scroll(self, top, down):
        """Move the lines from here to the end of the region by one."""
        empty, end = [(" ", PLAIN)] * self.columns, self.region[1]
        del self.cells[end if down else top]
        self.cells.insert(top if down else end, empty)

    def blank(self, y, start, end):
        """Erase cells of a line, to the background of now."""
        for x in range(start, min(end, self.columns)):
            self.cells[y][x] = (" ", (None, self.style[1], frozenset()))

    def sequence(self, mark, numbers, what):
        """A control sequence."""
        values = [int(n or 0) for n in numbers.split(";")]
        first = max(values[0], 1)
        if mark:
            self.mode(mark, values, what)
        elif what == "m":
            for value in values:
                self.rendition(value)
        elif what in "Hf":
            self.y = min(first, self.lines) - 1
            self.x = min(max(values[1], 1) if len(values) > 1 else 1, self.columns) - 1
        elif what in "ABCDGd":
            x, y = {"A": (self.x, self.y - first), "B": (self.x, self.y + first),
                    "C": (self.x + first, self.y), "D": (self.x - first, self.y),
                    "G": (first - 1, self.y), "d": (self.x, first - 1)}[what]
            self.x = max(0, min(x, self.columns - 1))
            self.y = max(0, min(y, self.lines - 1))
        elif what in "JK":
            self.erase(what, values[0])
        elif what == "X":
            self.blank(self.y, self.x, self.x + first)
        elif what == "b":
            for _ in range(first):
                self.put(self.last)
        elif what in "P@":
            row = self.cells[self.y]
            if what == "P":
                row = row[:self.x] + row[self.x + first:] + [(" ", PLAIN)] * first
            else:
                row = row[:self.x] + [(" ", PLAIN)] * first + row[self.x:]
            self.cells[self.y] = row[:self.columns]
        elif what in "LM":
            for _ in range(first):
                self.scroll(self.y, down=what == "L")
        elif what in "ST":
            for _ in range(first):
                self.scroll(self.region[0], down=what == "T")
        elif what == "r":
            self.region = (first - 1, (values[1] if len(values) > 1 else self.lines) - 1)
            self.x = self.y = 0
        elif what not in "tl":          # titles; modes
            raise ValueError(f"not known: ESC [ {numbers} {what}")

    def mode(self, mark, values, what):
        """What a terminal can be told to be."""
        if mark == "?" and values[0] == 1049:
            self.alternate = what == "h"
        elif mark == "?" and values[0] == 25:
            self.hidden = what == "l"

    def erase(self, what, how):
        """Of the line, or of the screen, what is right, left, or all."""
        first, last = (self.x if how == 0 else 0), (self.x + 1 if how == 1 else self.columns)
        self.blank(self.y, first, last)
        if what == "J":
            lines = {0: range(self.y + 1, self.lines), 1: range(self.y),
                     2: range(self.lines)}[how]
            for y in lines:
                self.blank(y, 0, self.columns)

    def rendition(self, value):
        """Colours and the like."""
        fore, back, flags = self.style
        on = {1: "bold", 2: "dim", 4: "underline", 7: "reverse"}
        off = {22: {"bold", "dim"}, 24: {"underline"}, 27: {"reverse"}}
        if value == 0:
            fore, back, flags = PLAIN
        elif value in on:
            flags |= {on[value]}
        elif value in off:
            flags -= off[value]
        elif 30 <= value <= 39:
            fore = None if value == 39 else value - 30
        elif 40 <= value <= 49:
            back = None if value == 49 else value - 40
        else:
            raise ValueError(f"not known: ESC [ {value} m")
        self.style = (fore, back, flags)

    # --- The picture. ---

    STYLE = """
text { font: 14px "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: pre; fill: #1c1c1c }
.ground { fill: #fdfdfd; stroke: #999 } .block { fill: #1c1c1c } text.over { fill: #fdfdfd }
.bold { font-weight: bold } .underline { text-decoration: underline }
.c1 { fill: #b3261e } .c2 { fill: #1b6e2c } .c3 { fill: #8a5a00 } .c4 { fill: #0b57a4 }
.c5 { fill: #8e2a8e } .c6 { fill: #00696b } .c7 { fill: #555 }
@media (prefers-color-scheme: dark) {
text { fill: #e6e6e6 } .ground { fill: #181a1b; stroke: #777 } .block { fill: #e6e6e6 }
text.over { fill: #181a1b }
.c1 { fill: #ff8a80 } .c2 { fill: #81c995 } .c3 { fill: #f2c14e } .c4 { fill: #8ab4f8 }
.c5 { fill: #e6a3e6 } .c6 { fill: #6fd6d8 } .c7 { fill: #bbb } }
"""

    def svg(self, title):
        """The screen as a picture that suits light and dark pages."""
        wide, high, edge = 8.43, 17, 10
        width, height = self.columns * wide + 2 * edge, self.lines * high + 2 * edge
        out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" '
               f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
               "<!-- SPDX-License-Identifier: GPL-2.0 -->",
               f"<title>{escape(title)}</title>",
               f"<desc>{escape(chr(10).join(self.text()))}</desc>",
               f"<style>{self.STYLE}</style>",
               f'<rect class="ground" x="0.5" y="0.5" width="{width - 1:.0f}" '
               f'height="{height - 1:.0f}" rx="5"/>']
        for y, row in enumerate(self.cells):
            x = 0
            while x < self.columns:
                end = x
                while end < self.columns and row[end][1] == row[x][1]:
                    end += 1
                text = "".join(c for c, _ in row[x:end])
                out += self.run(edge + x * wide, edge + y * high, (end - x) * wide, high,
                                text, row[x][1])
                x = end
        return "\n".join(out + ["</svg>"]) + "\n"

    @staticmethod
    def run(x, y, width, height, text, style):
        """Characters of one style."""
        fore, _, flags = style
        names = sorted(flags & {"bold", "underline"})
        if "reverse" in flags:
            yield (f'<rect class="block" x="{x:.1f}" y="{y}" width="{width:.1f}" '
                   f'height="{height}"/>')
            names.append("over")
        elif fore is not None:
            names.append(f"c{fore}")
        if text.strip():
            # Stretched to its cells, whatever font there is.
            kind = f' class="{" ".join(names)}"' if names else ""
            yield (f'<text{kind} x="{x:.1f}" y="{y + 13}" textLength="{width:.1f}" '
                   f'lengthAdjust="spacingAndGlyphs" xml:space="preserve">'
                   f'{escape(text)}</text>')


class Session:
    """A program on a terminal."""

    def __init__(self, command, columns=80, lines=24, **environment):
        self.master, self.slave = pty.openpty()
        self.screen = Screen(columns, lines)
        self.output = b""
        self.set_size(columns, lines)
        self.before = termios.tcgetattr(self.slave)
        self.pid = os.fork()
        if not self.pid:
            try:
                os.setsid()
                fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
                for fd in 0, 1, 2:
                    os.dup2(self.slave, fd)
                os.closerange(3, 64)
                os.environ.update(TERM="xterm", **environment)
                os.execvp(command[0], command)
            finally:
                os._exit(127)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def set_size(self, columns, lines):
        """The kernel tells the program with SIGWINCH."""
        self.screen.resize(columns, lines)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ,
                    struct.pack("4H", lines, columns, 0, 0))

    def key(self, text):
        """Press keys."""
        os.write(self.master, text.encode())

    def kill(self, number):
        """Send a signal."""
        os.kill(self.pid, number)

    def run(self, seconds, until=None):
        """Let it run, until a condition holds on the screen; did it?"""
        end = time.monotonic() + seconds
        while True:
            if until and until(self.screen):
                return True
            left = end - time.monotonic()
            if left <= 0:
                return until is None
            if select.select([self.master], [], [], min(left, 0.05))[0]:
                data = os.read(self.master, 65536)
                self.output += data
                self.screen.feed(data.decode(errors="replace"))

    def wait(self, seconds=5):
        """Its exit status; a signal's number and 128; None: it still runs."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.run(0.05)
            if pid:
                self.pid = 0
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
        return None

    def same_modes(self):
        """Are the terminal's modes those of before?"""
        return termios.tcgetattr(self.slave) == self.before

    def close(self):
        """End it, whatever it does."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.master)
        os.close(self.slave)


def main():
    """See --help."""
    parser = gomem_cli.parser("gomem_term.py", __doc__)
    parser.add_argument("--size", default="80x24", help="columns x lines (80x24)")
    parser.add_argument("--keys", default="", help="keys to press")
    parser.add_argument("--after", type=float, default=1.0, metavar="SECONDS",
                        help="time before each key, and before the picture (1)")
    parser.add_argument("--until", metavar="TEXT", help="wait for that on the screen, "
                        "at most a minute, before anything else")
    parser.add_argument("--title", default="", help="the picture's title")
    parser.add_argument("--svg", metavar="FILE", help="the picture; else text to stdout")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    if not re.fullmatch("[1-9][0-9]{0,2}x[1-9][0-9]{0,2}", args.size):
        parser.error(f"not a size: {args.size}")
    session = Session(args.command, *map(int, args.size.split("x")))
    try:
        if args.until and not session.run(60, lambda screen: any(
                args.until in line for line in screen.text())):
            print(*session.screen.text(), sep="\n", file=sys.stderr)
            gomem_cli.complain(f"'{args.until}' did not appear")
            return 1
        session.run(args.after)
        for key in args.keys:
            session.key(key)
            session.run(args.after)
        lines = session.screen.text()
        picture = session.screen.svg(args.title or " ".join(args.command))
        session.kill(signal.SIGTERM)
        session.wait()
    finally:
        session.close()
    if args.svg:
        gomem_cli.write_file(args.svg, picture)
    else:
        print("\n".join(lines))
    return 0


if __name__ == "__main__":
    gomem_cli.run(main)
