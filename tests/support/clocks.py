"""Wall clocks that are wrong, or that somebody sets while a node runs (libfaketime)."""

from collections.abc import Mapping
from glob import glob
from pathlib import Path

from benchmarks import flush
from servers.process import NotInstalled

LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"
REAL_SLEEP = Path(__file__).with_name("realsleep.c")


def environment(folder: Path, ahead_s: int) -> Mapping[str, str]:
    """
    The environment of a process whose wall clock is so many seconds ahead; behind, if negative.

    :param folder: where a library is built.
    :raises NotInstalled: libfaketime is missing.
    """
    return {**_preloaded(folder), "FAKETIME": f"{ahead_s:+d}"}


class Clock:
    """The wall clock of the processes that have its `environment`; right at first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "clock"
        self.set(0)

    def set(self, ahead_s: int) -> None:
        """So many seconds ahead, from now on."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{ahead_s:+d}\n")
        fresh.rename(self._file)

    def environment(self) -> Mapping[str, str]:
        """
        :raises NotInstalled: libfaketime is missing.
        """
        # Without the latter, it looks into the file every ten seconds.
        own = {"FAKETIME_TIMESTAMP_FILE": str(self._file), "FAKETIME_NO_CACHE": "1"}
        return {**_preloaded(self._folder), **own}


def _preloaded(folder: Path) -> Mapping[str, str]:
    found = glob(LIBRARY)
    if not found:
        raise NotInstalled(f"{LIBRARY} is not installed (Debian's package: faketime)")
    return {
        "LD_PRELOAD": f"{flush.build(folder, REAL_SLEEP)} {found[0]}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # It takes waiting by the monotonic clock for waiting by the wall clock: each time a thread
        # of Python wants its turn while another one runs, that takes a quarter of a second.
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
    }
