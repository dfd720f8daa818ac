# SPDX-License-Identifier: GPL-2.0
"""A reading of gomem's files in Prometheus' text format, 0.0.4.

    gomem_prom.render(gomem_files.read(), top=20)
    gomem_prom.render(None)     # what there is to tell when gomem is not loaded
"""

import re

# Name after gomem_memstats_, type, factor, field, help.
MEMSTATS = (
    ("alloc_bytes", "gauge", 1, "Alloc", "Bytes of live objects."),
    ("alloc_bytes_total", "counter", 1, "TotalAlloc",
     "Bytes of all objects ever allocated."),
    ("sys_bytes", "gauge", 1, "Sys", "Bytes taken from the kernel."),
    ("lookups_total", "counter", 1, "Lookups",
     "Addresses looked up outside the fast path."),
    ("mallocs_total", "counter", 1, "Mallocs", "Objects allocated."),
    ("frees_total", "counter", 1, "Frees", "Objects freed."),
    ("heap_alloc_bytes", "gauge", 1, "HeapAlloc", "Bytes of live objects."),
    ("heap_sys_bytes", "gauge", 1, "HeapSys",
     "Bytes of the heap at its largest."),
    ("heap_idle_bytes", "gauge", 1, "HeapIdle",
     "Bytes in no span, released ones included."),
    ("heap_inuse_bytes", "gauge", 1, "HeapInuse",
     "Bytes of spans that hold objects or are dedicated to them."),
    ("heap_released_bytes", "gauge", 1, "HeapReleased",
     "Bytes given back to the kernel and not got again."),
    ("heap_objects", "gauge", 1, "HeapObjects", "Live objects."),
    ("stack_inuse_bytes", "gauge", 1, "StackInuse", "Bytes in stack spans."),
    ("stack_sys_bytes", "gauge", 1, "StackSys", "Bytes for stack spans."),
    ("mspan_inuse_bytes", "gauge", 1, "MSpanInuse",
     "Bytes of span descriptors in use."),
    ("mspan_sys_bytes", "gauge", 1, "MSpanSys",
     "Bytes taken for span descriptors."),
    ("mcache_inuse_bytes", "gauge", 1, "MCacheInuse",
     "Bytes of per-CPU caches and of magazines in use."),
    ("mcache_sys_bytes", "gauge", 1, "MCacheSys",
     "Bytes taken for per-CPU caches and magazines."),
    ("buck_hash_sys_bytes", "gauge", 1, "BuckHashSys",
     "Bytes of the heap profile."),
    ("gc_sys_bytes", "gauge", 1, "GCSys",
     "Bytes of bitmaps, block descriptors and the index of arenas."),
    ("other_sys_bytes", "gauge", 1, "OtherSys",
     "Bytes of the other structures."),
    ("next_gc_bytes", "gauge", 1, "NextGC",
     "Size of the heap at which the next reclaim cycle starts."),
    ("last_gc_time_seconds", "gauge", 1e-9, "LastGC",
     "When the last reclaim cycle ended, in seconds since 1970."),
    ("gc_cpu_fraction", "gauge", 1, "GCCPUFraction",
     "Part of the CPUs' time that reclaim cycles took."),
)

# Lines of memstats that Go has not: name, type, help. Others are exported too,
# as they come.
EXTRA = {
    "BadFrees": ("bad_frees_total", "counter", "Frees that could not be."),
    "OutOfMemory": ("out_of_memory_total", "counter",
                    "Requests that found no memory."),
    "ExactPages": ("exact_pages_total", "counter",
                   "Small objects that got pages of their own."),
    "PagesHeld": ("held_pages", "gauge",
                  "Kernel pages of freed spans to which others refer."),
    "PagesStolen": ("stolen_pages_total", "counter",
                    "How often kfree() was found to have been given gomem's memory."),
    "TailBytes": ("tail_bytes", "gauge",
                  "Bytes of HeapIdle behind large objects, with which they go back."),
    "AccountIgnored": ("account_ignored_total", "counter",
                       "Requests with __GFP_ACCOUNT."),
}

# Name after gomem_class_, type, attribute of a class, help.
CLASSES = (
    ("mallocs_total", "counter", "mallocs", "Objects allocated, by size class."),
    ("frees_total", "counter", "frees", "Objects freed, by size class."),
    ("live_objects", "gauge", "live", "Live objects, by size class."),
    ("live_bytes", "gauge", "live_bytes",
     "Bytes of live objects, by size class."),
    ("spans", "gauge", "spans", "Spans in use, by size class."),
    ("span_bytes", "gauge", "span_bytes",
     "Bytes of the spans in use, by size class."),
    ("free_objects", "gauge", "free_slots",
     "Objects that are free in their spans, by size class."),
    ("cached_objects", "gauge", "cached",
     "Free objects that wait in magazines, by size class."),
    ("requested_bytes", "gauge", "requested",
     "Bytes asked for, estimated from samples, by size class."),
)

# Name after gomem_, factor, knob, help.
KNOBS = (
    ("gc_growth_ratio", 0.01, "gc_percent",
     "Growth of the live heap that starts a reclaim cycle; negative: off."),
    ("memory_limit_bytes", 1, "memory_limit", "The limit that is set."),
    ("scavenge_delay_seconds", 0.001, "scavenge_delay_ms",
     "How long idle memory is kept that was in use."),
    ("mem_profile_rate_bytes", 1, "mem_profile_rate",
     "Bytes between two samples of the heap profile; 0: off."),
)


def scaled(value, factor):
    if factor == 1:
        return repr(value)
    return f"{value * factor:.9f}".rstrip("0").rstrip(".")


def metric(name, kind, text, samples):
    """One metric with its comments; samples: (what follows the name, value)."""
    name = "gomem_" + name
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for rest, value in samples:
        yield f"{name}{rest} {value}"


def snake_case(name):
    words = ""
    for before, char, after in zip(" " + name, name, name[1:] + " "):
        if char.isupper() and words and (before.islower() or after.islower()):
            words += "_"
        words += char.lower()
    return words


def pauses(reading):
    """A summary of reclaim cycles, as Go's client has one of collections."""
    ring = sorted(reading.memstats["PauseNs"]) or [0]
    samples = [(f'{{quantile="{q:g}"}}',
                scaled(ring[round(q * (len(ring) - 1))], 1e-9))
               for q in (0, 0.25, 0.5, 0.75, 1)]
    samples.append(("_sum", scaled(reading.memstats["PauseTotalNs"], 1e-9)))
    samples.append(("_count", reading.memstats["NumGC"]))
    return metric("gc_duration_seconds", "summary",
                  "How long reclaim cycles kept a CPU from its cache.", samples)


def quoted(value):
    """A label's value: of a file's text, only what can be printed."""
    value = re.sub("[^ -~]", "?", value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


def function_of(frame):
    """A frame without its offset, which is another one in another build."""
    return re.sub(r"\+0x[0-9a-f]+(/0x[0-9a-f]+)?", "", frame, count=1)


def module_of(frame):
    """Whose code it is, or was."""
    module = re.search(r" \[([^\[\]]+)\]( \(gone\))?$", frame)
    if module:
        return module[1] + (module[2] or "")
    return "[gone]" if frame == "[gone]" else "kernel"


def summed(pairs):
    """(key, number) -> [(key, sum)], most first."""
    sums = {}
    for key, number in pairs:
        sums[key] = sums.get(key, 0) + number
    return sorted(sums.items(), key=lambda item: (-item[1], item[0]))


def owners(reading, top):
    """Who holds the memory: estimates from samples, so far as there are any."""
    # A site is where gomem is called, whoever called that.
    sites = [site for site in reading.sites or [] if site.stack]
    samples = [(f"{{site={quoted(site)},class={quoted(size)}}}", number)
               for (site, size), number in summed(
                   ((function_of(site.stack[0]), site.name), site.bytes)
                   for site in sites)[:top]]
    if samples:
        yield from metric("site_live_bytes", "gauge", "Bytes of live objects, by call "
                          "site and size class, estimated from samples.", samples)
    modules = summed((module_of(site.stack[0]), site.bytes) for site in sites) \
        if reading.modules is None else summed(reading.modules)
    if modules:
        yield from metric("module_live_bytes", "gauge", "Bytes of live objects, by the "
                          "module that got them, estimated from samples.",
                          [(f"{{module={quoted(name)}}}", number)
                           for name, number in modules])


def presence(reading):
    """Is gomem there, and which one?"""
    yield from metric("up", "gauge", "Is gomem loaded?",
                      [("", 0 if reading is None else 1)])
    if reading is not None and reading.version is not None:
        yield from metric("build_info", "gauge", "Which gomem it is; always 1.",
                          [(f"{{version={quoted(reading.version)}}}", 1)])


def render(reading, top=20):
    """All metrics; of call sites, those that hold most."""
    lines = list(presence(reading))
    if reading is not None:
        lines += figures(reading)
        lines += owners(reading, top)
    return "".join(line + "\n" for line in lines)


def figures(reading):
    """What memstats, the class table and the knobs have."""
    lines = []
    for name, kind, factor, field, text in MEMSTATS:
        value = scaled(reading.memstats[field], factor)
        lines += metric("memstats_" + name, kind, text, [("", value)])
    lines += pauses(reading)
    lines += metric("gc_forced_total", "counter",
                    "Reclaim cycles that somebody asked for.",
                    [("", reading.memstats["NumForcedGC"])])
    for field, value in reading.extra.items():
        name, kind, text = EXTRA.get(field, (snake_case(field), "untyped",
                                             f"{field} of memstats."))
        lines += metric(name, kind, text, [("", value)])
    if reading.dropped is not None:
        lines += metric("profile_dropped_total", "counter",
                        "Samples that the heap profile has lost.",
                        [("", reading.dropped)])
    for name, factor, knob, text in KNOBS:
        if knob in reading.knobs:
            lines += metric(name, "gauge", text,
                            [("", scaled(reading.knobs[knob], factor))])
    for name, kind, attribute, text in CLASSES:
        samples = [(f'{{size="{c.name}"}}', getattr(c, attribute))
                   for c in reading.classes or []
                   if getattr(c, attribute) is not None]
        if samples:
            lines += metric("class_" + name, kind, text, samples)
    return lines
