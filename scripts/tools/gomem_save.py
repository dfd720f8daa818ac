# SPDX-License-Identifier: GPL-2.0
"""Save a copy of gomem's files.

cp -r complains about those that can only be written, and about none that a locked
down kernel keeps to itself. A copy is there as a whole or not at all.
"""

import os
import shutil
import tempfile

import gomem_cli
import gomem_files


def contents(root):
    """(name, bytes) of all files that can be read, where they were found."""
    if root == gomem_files.PROC:
        memstats, classes = gomem_files.split(gomem_files.load(root))
        yield "memstats", memstats.encode()
        if classes:
            yield "classes", classes.encode()
        return
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError as e:
        raise gomem_cli.Error(f"cannot read {root}: {gomem_cli.reason(e)}") from None
    for entry in entries:
        # Root may open what nobody is meant to read.
        if entry.is_file() and entry.stat().st_mode & 0o444:
            data = gomem_files.load_bytes(entry.path, required=False)
            if data is not None:
                yield entry.name, data


def save(root, folder):
    """Make folder a copy; returns how many files it has."""
    reading = gomem_files.read(root)        # an Error if nobody could read the copy
    above, name = os.path.split(folder.rstrip("/"))
    aside, count = None, 0
    try:
        aside = tempfile.mkdtemp(prefix=f".{name}.", dir=above or ".")
        for count, (file, data) in enumerate(contents(reading.root), 1):
            path = os.path.join(aside, file)
            with open(path, "xb") as copy:
                copy.write(data)
            os.utime(path, (reading.time, reading.time))
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(aside, 0o777 & ~mask)
        os.rename(aside, folder)
        aside = None
    except OSError as e:
        raise gomem_cli.Error(f"cannot write {folder}: {gomem_cli.reason(e)}") from None
    finally:
        if aside:
            shutil.rmtree(aside)
    return count
