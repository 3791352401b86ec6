"""The library `disk.c`, in the processes that open stores for a campaign."""

import atexit
import ctypes
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from benchmarks import flush

SOURCE = Path(__file__).with_name("disk.c")


@cache
def library() -> Path:
    """Compiled once for this process, and removed with it."""
    folder = Path(tempfile.mkdtemp(prefix="cookietrack-campaign-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return flush.build(folder, SOURCE)


@contextmanager
def preloaded() -> Iterator[None]:
    """What is started within the block, and by that, has the library."""
    before = os.environ.get("LD_PRELOAD")
    os.environ["LD_PRELOAD"] = " ".join(filter(None, [str(library()), before]))
    try:
        yield
    finally:
        if before is None:
            del os.environ["LD_PRELOAD"]
        else:
            os.environ["LD_PRELOAD"] = before


def configure(environment: Mapping[str, str]) -> None:
    """In a process that has the library: these variables hold for it and its children."""
    os.environ.update(environment)
    if environment:
        ctypes.CDLL(None).campaign_configure()


def note(text: str) -> None:
    """In such a process: a line between what it does to files."""
    ctypes.CDLL(None).campaign_note(text.encode())
