# SPDX-License-Identifier: GPL-2.0
"""What gomem-doctor looks at: each check takes the readings, the oldest first, and the
options, and yields Findings. Of this machine's readings slab is how much unreclaimable
slab memory there was, of copies None.

There are three kinds. What is wrong is FOUND; "fine" is what was looked at and is as it
should be; a "note" is what is neither, above all what cannot be seen from here.
"""

import os
import re

import gomem_files

GC_WINDOW = 10          # seconds of cycles that one reading is judged by
MOST_NAMED = 5
LEAST_SAMPLES = 5       # fewer, more than before, are chance
LEAST_TIME = 0.05       # seconds; nobody reads more often
PAGE = os.sysconf("SC_PAGE_SIZE")
FILES = gomem_files.DEBUGFS


class Finding:
    """A sentence, what to do about it, and a command to type next."""

    def __init__(self, kind, name, text, advice="", command=""):
        self.kind = kind
        self.name = name
        self.text = text
        self.advice = advice
        self.command = command

    @property
    def wrong(self):
        """Is it for the exit status?"""
        return self.kind == "FOUND"


def judged(wrong, name, text, advice="", command=""):
    """FOUND, or fine, and then there is nothing to do."""
    return Finding("FOUND", name, text, advice, command) if wrong else \
        Finding("fine", name, text)


def amount(count):
    """Bytes, for people."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if abs(count) < 1024 or unit == "GiB":
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"


def several(count, what):
    """1 object, 2 objects."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def as_told(samples):
    """Where an estimate is from."""
    return f"as {several(samples, 'sample')} {'tells' if samples == 1 else 'tell'}"


def percent(part, whole):
    """Of a whole that may be nothing."""
    return 100 * part / whole if whole else 0.0


def share(part, whole):
    """The same in words."""
    return f"{percent(part, whole):.0f} %"


def title(c):
    """A class."""
    return "large objects" if c.size is None else f"class {c.name}"


def grows(values):
    """From each reading to the next?"""
    return all(a < b for a, b in zip(values, values[1:]))


# --- What one reading shows. ---

def check_books(readings, _):
    """The equations of memstats.rst."""
    m = readings[-1].memstats
    parts = sum(m[name] for name in (
        "HeapSys", "StackSys", "MSpanSys", "MCacheSys", "BuckHashSys", "GCSys",
        "OtherSys"))
    wrong = [f"{left} is {a}, {right} is {b}" for ok, left, a, right, b in (
        (m["Sys"] == parts, "Sys", m["Sys"], "the sum of its parts", parts),
        (m["HeapSys"] == m["HeapIdle"] + m["HeapInuse"], "HeapSys", m["HeapSys"],
         "HeapIdle + HeapInuse", m["HeapIdle"] + m["HeapInuse"]),
        (m["HeapObjects"] == m["Mallocs"] - m["Frees"], "HeapObjects",
         m["HeapObjects"], "Mallocs - Frees", m["Mallocs"] - m["Frees"]),
        (m["HeapAlloc"] <= m["HeapInuse"], "HeapAlloc", m["HeapAlloc"],
         "HeapInuse, which cannot be less,", m["HeapInuse"]),
        (m["HeapReleased"] <= m["HeapIdle"], "HeapReleased", m["HeapReleased"],
         "HeapIdle, which cannot be less,", m["HeapIdle"]),
    ) if not ok]
    if wrong:
        yield Finding("FOUND", "books", "The numbers do not add up: " +
                      "; ".join(wrong) + ".", "This is a fault in gomem, or the "
                      "copy is damaged. Read the file check, and report it.",
                      f"cat {FILES}/check")
    else:
        yield Finding("fine", "books", "The numbers add up.")


def check_events(readings, _):
    """What should never happen, and is counted."""
    extra = readings[-1].extra
    if extra.get("BadFrees"):
        yield Finding("FOUND", "bad frees", f"{extra['BadFrees']} frees could not "
                      "be done: of what had been freed before, or of what is not "
                      "gomem's.", "The kernel log has a report with the caller "
                      "for the first ones. insmod gomem.ko debug=F catches every "
                      "one at once.", "dmesg | grep gomem")
    if extra.get("OutOfMemory"):
        yield Finding("FOUND", "out of memory", f"{extra['OutOfMemory']} requests "
                      "got no memory.", "The machine was short of memory, or of "
                      "long enough runs of pages. See what else holds it; who held "
                      "gomem's memory then is in the file failed.",
                      f"cat /proc/meminfo /proc/buddyinfo {FILES}/failed")
    if extra.get("PagesStolen"):
        yield Finding("FOUND", "stolen pages", "kfree() was given gomem's memory "
                      f"{several(extra['PagesStolen'], 'time')}; what it was given is lost.",
                      "Some code frees with kfree() what comes from gomem_alloc(): "
                      "the file check says of which sizes. Free it with "
                      "gomem_free(), or allocate it with kmalloc().", f"cat {FILES}/check")


def check_held(readings, options):
    """Pages of freed spans that others refer to: a leak of references, if they grow."""
    held = [r.extra.get("PagesHeld", 0) for r in readings]
    text = (f"{several(held[-1], 'page')} of freed spans wait until others let go of "
            "them, or of another page of the same span")
    if len(held) > 1 and grows(held) and (held[-1] - held[0]) * PAGE >= options.leak:
        yield Finding("FOUND", "held pages", f"{text}; {held[-1] - held[0]} more than before.",
                      "Some code takes references to gomem's pages, as sending without a "
                      "copy does, and does not drop them.", "gomem-doctor --interval 60")
    elif held[-1]:
        yield Finding("note", "held pages", text + ".")


def check_gone(readings, _):
    """What is held by modules that have gone can be freed by nobody."""
    owners = {}
    for site in readings[-1].sites or []:
        if site.stack and is_gone(site.stack[0]):
            owners.setdefault(site.stack[0], []).append(site)
    ranked = sorted(owners.items(), key=lambda owner: -sum(s.bytes for s in owner[1]))
    for owner, sites in ranked[:MOST_NAMED]:
        sizes = sorted({site.size for site in sites})
        of = f" of {amount(sizes[0])}" if len(sizes) == 1 else ""
        yield Finding("FOUND", "leak", f"{owner} holds "
                      f"{amount(sum(s.bytes for s in sites))} in "
                      f"{several(sum(s.objects for s in sites), 'object')}{of}, "
                      f"{as_told(sum(s.samples for s in sites))}, and its "
                      "module has gone: nobody is left to free them.",
                      called_from(sites[0].stack), line_of(owner))
    if ranked[MOST_NAMED:]:
        yield Finding("FOUND", "leak", f"{len(ranked) - MOST_NAMED} more places in modules "
                      "that have gone hold memory.", "", "gomemtop -o --sites | grep gone")


def check_idle(readings, options):
    """HeapIdle - HeapReleased."""
    m = readings[-1].memstats
    held = m["HeapSys"] - m["HeapReleased"]
    # What is behind large objects cannot be released before they are freed.
    idle = held - m["HeapInuse"] - readings[-1].extra.get("TailBytes", 0)
    text = (f"{amount(idle)} of the heap are idle and not released, "
            f"{share(idle, held)} of what it holds.")
    wrong = idle >= options.least and percent(idle, held) > options.idle
    yield judged(wrong, "idle", text, "The heap was larger before. Idle blocks "
                 "go back within seconds; if this stays, spans in use divide the "
                 "blocks (see the file blocks). Write 1 to free_os_memory, where "
                 "there is such a file, to have it released now.",
                 f"echo 1 > {FILES}/free_os_memory")


def check_fragmentation(readings, options):
    """HeapInuse - HeapAlloc."""
    m = readings[-1].memstats
    lost = m["HeapInuse"] - m["HeapAlloc"]
    text = (f"Live objects fill {amount(m['HeapAlloc'])} of the "
            f"{amount(m['HeapInuse'])} in use; {share(lost, m['HeapInuse'])} is "
            "free, but only for objects of the same class.")
    wrong = (lost >= options.least and
             percent(lost, m["HeapInuse"]) > options.fragmentation)
    worst = [c for c in sorted(readings[-1].classes or [],
                               key=lambda c: c.live_bytes - c.span_bytes)
             if c.span_bytes > c.live_bytes][:3]
    advice = ""
    if worst:
        advice = "Most of it is in " + ", ".join(
            f"{title(c)} ({amount(c.span_bytes - c.live_bytes)})" for c in worst
        ) + ". "
    waiting = sum(c.cached_bytes for c in readings[-1].classes or [])
    if waiting * 2 > lost:
        advice += (f"{amount(waiting)} only wait in the CPUs' caches and come "
                   "back by themselves when there is no load. ")
    yield judged(wrong, "fragmentation", text, advice + "If this stays, few "
                 "long-lived objects keep whole spans: allocate those apart from "
                 "the short-lived ones, or in another size.",
                 "gomemtop -o -s waste | head -n 20")


def check_occupancy(readings, options):
    """Classes whose spans are mostly free."""
    low = [c for c in readings[-1].classes or []
           if c.span_bytes - c.live_bytes >= options.least
           and 100 * c.live_bytes < options.occupancy * c.span_bytes]
    for c in sorted(low, key=lambda c: c.live_bytes - c.span_bytes)[:MOST_NAMED]:
        yield Finding("FOUND", "occupancy", f"In {title(c)}, {c.live} live objects "
                      f"keep {c.spans} spans, {amount(c.span_bytes)}: "
                      f"{share(c.live_bytes, c.span_bytes)} are occupied, {c.free_slots} "
                      f"objects are free in spans and {c.cached} in caches.",
                      "Load that is over leaves this behind while some of its "
                      "objects live on. See in the file sites, where there is "
                      "one, whose they are.", "gomemtop -o --sites | head -n 20")
    if not low and readings[-1].classes is not None:
        yield Finding("fine", "occupancy", "No size class keeps "
                      f"{amount(options.least)} or more in spans that are less "
                      f"than {options.occupancy:g} % occupied.")


def check_limit(readings, options):
    """memory_limit."""
    m = readings[-1].memstats
    limit = readings[-1].knobs.get("memory_limit", gomem_files.NO_LIMIT)
    if limit >= gomem_files.NO_LIMIT:
        return
    held = m["Sys"] - m["HeapReleased"]
    # 0 is no word for none: it has the worker never rest.
    part = f"{share(held, limit)} of" if limit else "all of it above"
    yield judged(percent(held, limit or 1) > options.limit, "limit",
                 f"gomem holds {amount(held)}, {part} the memory_limit of "
                 f"{amount(limit)}.",
                 "Near the limit, reclaim cycles cost time and gain little. "
                 "Raise memory_limit, or hold less; class and sites say what.",
                 "gomemtop -o --sites | head -n 20")


def time_between(readings):
    """Seconds from the first reading to the last, or 0 if nobody knows: copies that do
    not tell have the time of their files, and those may have been copied again."""
    first, last = readings[0], readings[-1]
    elapsed = last.time - first.time
    told = first.dated and last.dated
    return elapsed if elapsed > (0 if told else LEAST_TIME) else 0


def gc_rate(readings):
    """Reclaim cycles a second, and over how many seconds."""
    last = readings[-1].memstats
    elapsed = time_between(readings)
    if elapsed:
        return (last["NumGC"] - readings[0].memstats["NumGC"]) / elapsed, elapsed
    # A copy may be as old as its file says, but not older than what is in it.
    since = max(readings[-1].time * 1e9, last["LastGC"]) - GC_WINDOW * 1e9
    recent = sum(end > since for end in last["PauseEnd"])
    return recent / GC_WINDOW, GC_WINDOW


def check_gc(readings, options):
    """Reclaim cycles."""
    m = readings[-1].memstats
    if not m["NumGC"]:
        return
    rate, seconds = gc_rate(readings)
    spent = 100 * m["GCCPUFraction"]
    wanted = max(2 * readings[-1].knobs.get("gc_percent", 100), 200)
    yield judged(rate > options.gc_rate or spent > options.gc_cpu, "gc",
                 f"{m['NumGC']} reclaim cycles so far, {m['NumForcedGC']} of "
                 f"them asked for; {rate:.2g} a second within {seconds:.3g} "
                 f"seconds; they take {spent:.2g} % of the CPUs' time.",
                 "Raise gc_percent, so that the heap grows further between two "
                 "cycles; if memory_limit causes them, raise that. If they were "
                 "asked for, find out who writes to gc.",
                 f"echo {wanted} > {FILES}/gc_percent")


# --- What two or more readings show. ---

def check_growth(readings, options):
    """How much of what was allocated has stayed."""
    first, last = readings[0].memstats, readings[-1].memstats
    allocated = last["TotalAlloc"] - first["TotalAlloc"]
    growth = last["HeapAlloc"] - first["HeapAlloc"]
    elapsed = time_between(readings)
    within = f"Within {elapsed:.3g} seconds" if elapsed else "Between the readings"
    if last["Mallocs"] == first["Mallocs"]:
        yield Finding("note", "growth", f"{within} nothing was allocated through gomem, so "
                      "HeapAlloc did not grow.")
        return
    rate = f" ({amount(allocated / elapsed)} a second)" if elapsed else ""
    if growth <= 0:
        change = "HeapAlloc did not grow"
    else:
        change = (f"HeapAlloc grew by {amount(growth)} to "
                  f"{amount(last['HeapAlloc'])}; "
                  f"{percent(growth, allocated):.2g} % of that stayed")
    yield judged(growth >= options.leak and
                 percent(growth, first["HeapAlloc"] or 1) > options.growth, "growth",
                 f"{within} {amount(allocated)} were allocated{rate}, and "
                 f"{change}.", "A heap that has reached its size does not do "
                 "this. If it goes on, something leaks; what grows is named "
                 "here.", "gomem-doctor --interval 60 --readings 5")


def is_gone(frame):
    """Has its module gone? The name stays; where it is not known there is another word."""
    return frame.endswith("(gone)") or "[gone]" in frame


def key(site):
    """A site, the same before and after its module goes."""
    return site.name, site.size, tuple(frame.removesuffix(" (gone)") for frame in site.stack)


def caller(site):
    """Who holds it."""
    return site.stack[0] if site.stack else "an unknown caller"


def called_from(stack):
    """The callers' callers."""
    return "It was called from " + ", ".join(stack[1:6]) + "." if stack[1:] else ""


def line_of(frame):
    """A command that says which line it is, of a module built with debug information."""
    found = re.match(r"([\w.]+\+0x[0-9a-f]+/0x[0-9a-f]+) \[([\w-]+)\]", frame, re.ASCII)
    return f"gomem-lines --at {found[1]} --ko {found[2]}.ko" if found else ""


class Growth:
    """What a site, or all of an owner's, held at each reading."""

    def __init__(self, count):
        self.held = [0] * count
        self.seen = [0] * count
        self.site = None            # the newest of its sites
        self.sites = 0

    def add(self, held, seen, site):
        """Another one of its sites."""
        self.held = [a + b for a, b in zip(self.held, held)]
        self.seen = [a + b for a, b in zip(self.seen, seen)]
        self.sites += 1
        if self.site is None or site.bytes > self.site.bytes:
            self.site = site

    @property
    def bytes(self):
        """By how much it has grown."""
        return self.held[-1] - self.held[0]

    def leaks(self, options):
        """At every reading more, and enough that it is no chance?"""
        return grows(self.held) and self.seen[-1] - self.seen[0] >= LEAST_SAMPLES and \
            self.bytes >= options.leak and \
            percent(self.bytes, self.held[0] or 1) > options.growth


def growths(readings):
    """Of each site, and of each owner and size: {key: Growth} twice."""
    tables = [{key(site): site for site in r.sites or []} for r in readings]
    stacks, owners = {}, {}
    for which, site in {k: site for table in tables for k, site in table.items()}.items():
        held = [table[which].bytes if which in table else 0 for table in tables]
        seen = [table[which].samples if which in table else 0 for table in tables]
        for name, into in (which, stacks), ((site.name, site.size, which[2][:1]), owners):
            into.setdefault(name, Growth(len(readings))).add(held, seen, site)
    return stacks, owners


def check_sites(readings, options):
    """The call sites that hold more at every reading, what has grown most first; and
    functions that do so through many sites, of which none does."""
    stacks, owners = growths(readings)
    suspects = [g for g in stacks.values() if g.leaks(options)]
    named = {caller(g.site) for g in suspects}
    suspects += [g for g in owners.values()
                 if g.sites > 1 and caller(g.site) not in named and g.leaks(options)]
    suspects.sort(key=lambda g: -g.bytes)
    for g in suspects[:MOST_NAMED]:
        site = g.site
        through = f" through {g.sites} sites" if g.sites > 1 else ""
        objects = f" in {site.objects} objects" if g.sites == 1 else " in objects"
        yield Finding("FOUND", "leak", f"{caller(site)} holds {amount(g.bytes)} more "
                      f"than before{through}: {amount(g.held[-1])}{objects} of "
                      f"{amount(site.size)}, {as_told(g.seen[-1])}; the oldest "
                      f"is {site.age} seconds old.", called_from(site.stack),
                      line_of(caller(site)))


def check_class_growth(readings, options):
    """The classes that hold more at every reading, what has grown most first."""
    suspects = []
    for c in readings[-1].classes or []:
        rows = [next((o for o in r.classes or [] if o.name == c.name), None)
                for r in readings]
        if None in rows:
            continue
        growth = rows[-1].live_bytes - rows[0].live_bytes
        if grows([o.live_bytes for o in rows]) and growth >= options.leak and \
           percent(growth, rows[0].live_bytes or 1) > options.growth:
            suspects.append((growth, rows[0], c))
    suspects.sort(key=lambda suspect: -suspect[0])
    for growth, before, c in suspects[:MOST_NAMED]:
        yield Finding("FOUND", "leak", f"In {title(c)} there are "
                      f"{c.live - before.live} live objects more than before, "
                      f"{amount(growth)}: {c.mallocs - before.mallocs} were "
                      f"allocated and {c.frees - before.frees} freed.",
                      *whose(readings, c))
    if suspects[MOST_NAMED:]:
        yield Finding("FOUND", "leak", "So do " + ", ".join(
            title(c) for _, _, c in suspects[MOST_NAMED:]) + ".")


def whose(readings, c):
    """What is known of who holds a class, and what to type to know more."""
    last = readings[-1]
    grown = sorted((g for g in growths(readings)[1].values()
                    if g.site.name == c.name and g.bytes > 0 and g.seen[-1] > g.seen[0]),
                   key=lambda g: -g.bytes)[:3]
    if last.sites is None:
        return "Of modules that allocate this size, look at the newest first.", ""
    if grown:
        return ("In it, as samples tell, " + ", ".join(
            f"{caller(g.site)} has {amount(g.bytes)} more" for g in grown) + ".",
            line_of(caller(grown[0].site)))
    rate = last.knobs.get("mem_profile_rate", last.rate)
    why = "The heap profile is off, so that nobody knows who holds them." if not rate else \
        f"No sample tells who holds them: one is taken every {amount(rate)}."
    wanted = 4096 if not rate or rate > 4096 else 1
    return (f"{why} Have more taken; what is allocated from then on is known.",
            f"echo {wanted} > {FILES}/mem_profile_rate; gomem-doctor --interval 60")


# --- What cannot be seen. ---

def check_profile(readings, options):
    """Whether owners are known at all, and what was lost of them."""
    last = readings[-1]
    live, rate = last.memstats["HeapAlloc"], last.knobs.get("mem_profile_rate", last.rate)
    if last.sites is None:
        yield Finding("note", "profile", "There is no file sites, so that no call site is "
                      "known: who leaks is told by size alone.")
        return
    known = sum(site.bytes for site in last.sites)
    if not rate:
        yield Finding("note", "profile", "The heap profile is off: whose memory it is that "
                      "is allocated is not seen.", "", f"echo 4096 > {FILES}/mem_profile_rate")
    elif live >= options.least and 2 * known < live:
        yield Finding("note", "profile", f"The heap profile knows whose {amount(known)} of "
                      f"the {amount(live)} in live objects are. It does not see what was "
                      "allocated before it was on, and few of what is small beside the "
                      f"{amount(rate)} between two samples.", "",
                      f"echo 4096 > {FILES}/mem_profile_rate" if rate > 4096 else "")
    lost = (last.dropped or 0) - (readings[0].dropped or 0)
    if last.dropped:
        yield Finding("note", "dropped samples", "The heap profile has lost "
                      f"{several(last.dropped, 'sample')}" +
                      (f", {lost} of them since the first reading" if lost > 0 else "") +
                      ": call sites hold more than it says, and there may be some that it "
                      "does not name.", "", f"head -n 2 {FILES}/sites")


def check_unseen(readings, _):
    """What no reading of gomem's shows."""
    if len(readings) == 1:
        yield Finding("note", "leaks", "One reading shows what is held, not what grows.", "",
                      "gomem-doctor --interval 60")
    if not readings[-1].memstats["Mallocs"]:
        yield Finding("note", "unused", "Nothing was ever allocated through gomem: there is "
                      "nothing here to judge.")
    text = ("This is about gomem's memory alone. It sees none of kmalloc's, nor pages that "
            "others hold.")
    slab = [r.slab for r in readings]
    if len(slab) > 1 and None not in (slab[0], slab[-1]):
        held = [r.memstats["Sys"] - r.memstats["HeapReleased"] for r in readings]
        text += (f" Meanwhile SUnreclaim of /proc/meminfo, in which both are, changed by "
                 f"{amount(slab[-1] - slab[0])}, and what gomem holds by "
                 f"{amount(held[-1] - held[0])}.")
    yield Finding("note", "not seen", text, "", "slabtop -o -s c | head -n 20")


CHECKS = (check_books, check_events, check_held, check_gone)
# Of a heap that was used.
JUDGEMENTS = (check_idle, check_fragmentation, check_occupancy, check_limit, check_gc)
COMPARISONS = (check_growth, check_sites, check_class_growth)
NOTES = (check_profile, check_unseen)


def examine(readings, options):
    """All Findings."""
    used = readings[-1].memstats["Mallocs"]
    checks = CHECKS + JUDGEMENTS * bool(used) + COMPARISONS * (len(readings) > 1) + NOTES
    return [finding for check in checks for finding in check(readings, options)]
