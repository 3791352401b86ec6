"""Wall clocks that are wrong, or that somebody sets while a node runs (libfaketime)."""

from collections.abc import Mapping
from glob import glob
from pathlib import Path

from servers.process import NotInstalled

LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"


def environment(offset_s: int = 0) -> Mapping[str, str]:
    """
    The environment of a process whose wall clock is so many seconds ahead; behind, if negative.

    :raises NotInstalled: the library is missing.
    """
    return {**_common(), "FAKETIME": f"{offset_s:+d}"}


class Clock:
    """The wall clock of the processes that have its `environment`; right at first."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, offset_s: int) -> None:
        """So many seconds ahead, from now on."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{offset_s:+d}\n")
        fresh.rename(self._file)

    def environment(self) -> Mapping[str, str]:
        """
        :raises NotInstalled: the library is missing.
        """
        # Otherwise it looks into the file every ten seconds.
        return {**_common(), "FAKETIME_TIMESTAMP_FILE": str(self._file), "FAKETIME_NO_CACHE": "1"}


def _common() -> Mapping[str, str]:
    found = glob(LIBRARY)
    if not found:
        raise NotInstalled(f"{LIBRARY} is not installed (Debian's package: faketime)")
    # It takes waiting by the monotonic clock for waiting by the wall clock: each time a thread of
    # Python wants its turn while another one runs, that would take a quarter of a second.
    own = {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_FORCE_MONOTONIC_FIX": "0"}
    return {"LD_PRELOAD": found[0], "DONT_FAKE_MONOTONIC": "1", **own}
