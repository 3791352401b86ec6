"""A slow disk: builds slowflush.c, and says how a process gets to feel it."""

import os
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).with_name("slowflush.c")
CALLS = ("fsync", "fdatasync", "msync", "sync_file_range", "synchronous write")
FLUSH_MS = 4.0


class NoCompiler(RuntimeError):
    """The slow disk is a small C file: it takes a C compiler."""


def build(directory: Path, source: Path = SOURCE) -> Path:
    """
    Compile a library of one file into `directory`.

    :raises NoCompiler: there is none, or it failed; with its message.
    """
    library = directory / source.with_suffix(".so").name
    compiler = os.environ.get("CC", "cc")
    order = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    try:
        subprocess.run(order, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise NoCompiler(f"no C compiler {compiler!r}: install gcc, or set CC") from error
    except subprocess.CalledProcessError as error:
        raise NoCompiler(error.stderr) from error
    return library


def environment(directory: Path, milliseconds: float = FLUSH_MS) -> Mapping[str, str]:
    """The environment of a process whose flushes take so much longer, and are counted."""
    return {
        "LD_PRELOAD": str(build(directory)),
        "SLOWFLUSH_MS": str(milliseconds),
        "SLOWFLUSH_COUNTS": str(directory / "flushes"),
    }


def counted(directory: Path) -> dict[str, int]:
    """How often each call was made, by all processes with that environment."""
    numbers = struct.unpack(f"{len(CALLS)}Q", (directory / "flushes").read_bytes())
    return dict(zip(CALLS, numbers, strict=True))
