"""A new file for the `file` store, beside the one whose place it takes when it is complete."""

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

from cookietrack_plugin.stores.file.disk import AppendFile
from cookietrack_plugin.stores.file.encoding import expires_of
from cookietrack_plugin.stores.file.lines import GONE, State, write_header, write_lines
from cookietrack_plugin.stores.file.table import FileTable

_SUFFIX = ".compacting"


class Draft:
    """
    Records of a table in a file, with their order of expiry. Until `publish` the file has a name of
    its own, and leaving the context with an exception removes it.

    :param path: of the file whose place it is going to take, and whose owner it gets if possible.
    """

    def __init__(self, path: str, table: FileTable) -> None:
        self._path = path
        self.queue = table.new_queue()
        remove_draft(path)
        self.file = AppendFile.create(path + _SUFFIX, _stat(path), write_header())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.file.close()
            remove_draft(self._path)

    def add(self, states: Sequence[State]) -> None:
        """Put the states of records into it."""
        self.add_lines(write_lines(states), states)

    def add_lines(self, lines: bytes, states: Sequence[State]) -> None:
        """Put `lines`, which say `states`, into it."""
        self.file.append(lines)
        for key, text in states:
            if text != GONE:
                self.queue.add(key, expires_of(text))

    def publish(self) -> None:
        """Put the file into its place, atomically and durably."""
        self.file.flush()
        self.file.move(self._path)


def remove_draft(path: str) -> None:
    """Remove the draft of a process that ended before it could publish it."""
    with suppress(FileNotFoundError):
        os.unlink(path + _SUFFIX)


def _stat(path: str) -> os.stat_result | None:
    with suppress(FileNotFoundError):
        return os.stat(path)
    return None
