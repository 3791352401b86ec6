"""
What a power cut can leave of files, by what was done to them.

A flush that has returned promises what was written before it began. Of what came later any sector,
any part of a sequence and any size may be there. What changes names is in order, as in every file
system with a journal: those of a folder are promised by a flush of the folder, and the creation of
a file by a flush of the file as well, as ext4, XFS and Btrfs have it.
"""

import random
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import define, field, frozen

from campaign import oplog
from campaign.oplog import Entry

SECTOR_BYTES = 512


@frozen
class _Write:
    number: int
    offset: int
    # None: the file got this size.
    data: bytes | None

    def apply(self, content: bytearray) -> None:
        if self.data is None:
            _resize(content, self.offset)
            return
        end = self.offset + len(self.data)
        _resize(content, max(len(content), end))
        content[self.offset : end] = self.data

    def sectors(self) -> list["_Write"]:
        """The same, a sector at a time: a disk writes those whole."""
        if self.data is None:
            return [self]
        parts, start = [], self.offset
        while start < self.offset + len(self.data):
            end = min((start // SECTOR_BYTES + 1) * SECTOR_BYTES, self.offset + len(self.data))
            piece = self.data[start - self.offset : end - self.offset]
            parts.append(_Write(self.number, start, piece))
            start = end
        return parts


@define
class _File:
    """`durable`: what is there in any case. `pending`: what may be there besides."""

    durable: bytearray = field(factory=bytearray)
    pending: list[_Write] = field(factory=list)
    is_folder: bool = False

    def flush(self, before: int) -> None:
        for write in self.pending:
            if write.number < before:
                write.apply(self.durable)
        self.pending = [write for write in self.pending if write.number >= before]

    def content(self, choice: random.Random, way: str) -> bytes:
        content = bytearray(self.durable)
        for write in self._chosen(choice, way):
            write.apply(content)
        if way == "sectors" and self.pending:
            # The size is noted by itself.
            _resize(content, choice.choice([len(self.durable), len(content), self._full_size()]))
        return bytes(content)

    def _full_size(self) -> int:
        content = bytearray(self.durable)
        for write in self.pending:
            write.apply(content)
        return len(content)

    def _chosen(self, choice: random.Random, way: str) -> list[_Write]:
        sectors = [sector for write in self.pending for sector in write.sectors()]
        match way:
            case "nothing":
                return []
            case "everything":
                return sectors
            case "prefix":
                return sectors[: choice.randrange(len(sectors) + 1)]
            case _:
                share = choice.choice([0.1, 0.5, 0.9])
                return [sector for sector in sectors if choice.random() < share]


@frozen
class _Naming:
    """A change of names: `inode` gets the name `new`, or loses the name `old`, or both."""

    old: str | None
    new: str | None
    inode: int

    def apply(self, names: dict[str, int]) -> None:
        if self.old is not None:
            names.pop(self.old, None)
        if self.new is not None:
            names[self.new] = self.inode

    def folders(self) -> set[str]:
        return {str(Path(name).parent) for name in (self.old, self.new) if name}


WAYS = ("nothing", "everything", "prefix", "sectors")


class DiskModel:
    """A disk below the folder `root`, to which the entries of a log are fed one by one."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[int, _File] = {}
        # Names as processes see them, as they are after a power cut in any case, and in between.
        self._seen: dict[str, int] = {}
        self._durable: dict[str, int] = {}
        self._pending: list[_Naming] = []
        self._flushing: dict[tuple[int, int], int] = {}
        self._synchronous: tuple[int, _Write] | None = None
        self._number = 0

    def feed(self, entry: Entry) -> None:
        """What a process did. A synchronous write is on disk with the entry that follows it."""
        self._number += 1
        self._end_write()
        match entry.kind:
            case oplog.CREATED | oplog.MADE_FOLDER:
                self._files[entry.inode] = _File(is_folder=entry.kind == oplog.MADE_FOLDER)
                self._name(_Naming(None, entry.path, entry.inode))
            case oplog.WRITTEN:
                self._write(entry, entry.data)
            case oplog.RESIZED:
                self._write(entry, None)
            case oplog.RENAMED:
                old, new = entry.paths
                if old in self._seen:
                    self._name(_Naming(old, new, self._seen[old]))
            case oplog.LINKED:
                old, new = entry.paths
                if old in self._seen:
                    self._name(_Naming(None, new, self._seen[old]))
            case oplog.REMOVED:
                self._name(_Naming(entry.path, None, 0))
            case oplog.FLUSHING:
                self._flushing[entry.process, entry.inode] = self._number
            case oplog.FLUSHED:
                self._flushed(entry)

    def state(self, choice: random.Random) -> Mapping[str, bytes | None]:
        """One that is possible: paths below the root, with contents, None for a folder."""
        names = dict(self._durable)
        for naming in self._pending[: choice.randrange(len(self._pending) + 1)]:
            naming.apply(names)
        way = choice.choice(WAYS)
        found: dict[str, bytes | None] = {}
        for name, inode in names.items():
            file = self._files.get(inode)
            if file is not None:
                path = str(Path(name).relative_to(self._root))
                found[path] = None if file.is_folder else file.content(choice, way)
        return found

    def _write(self, entry: Entry, data: bytes | None) -> None:
        if (file := self._files.get(entry.inode)) is None:
            return
        write = _Write(self._number, entry.offset, data)
        file.pending.append(write)
        if entry.synchronous:
            self._synchronous = entry.inode, write

    def _end_write(self) -> None:
        if self._synchronous is None:
            return
        inode, write = self._synchronous
        self._synchronous = None
        file = self._files[inode]
        write.apply(file.durable)
        file.pending.remove(write)

    def _name(self, naming: _Naming) -> None:
        naming.apply(self._seen)
        self._pending.append(naming)

    def _flushed(self, entry: Entry) -> None:
        before = self._flushing.pop((entry.process, entry.inode), self._number)
        if entry.offset:
            self._keep_names(lambda naming: entry.path in naming.folders())
            return
        if (file := self._files.get(entry.inode)) is not None:
            file.flush(before)
            self._keep_names(lambda naming: naming.old is None and naming.inode == entry.inode)

    def _keep_names(self, promised: Callable[[_Naming], bool]) -> None:
        """Those that are promised, and all before them."""
        last = max((n for n, each in enumerate(self._pending) if promised(each)), default=-1)
        for naming in self._pending[: last + 1]:
            naming.apply(self._durable)
        self._pending = self._pending[last + 1 :]


def write_state(state: Mapping[str, bytes | None], folder: Path) -> None:
    """Make these files in an empty folder."""
    for path, content in sorted(state.items()):
        target = folder / path
        if content is None:
            target.mkdir(parents=True, exist_ok=True)
        elif target.parent.is_dir():
            target.write_bytes(content)


def _resize(content: bytearray, size: int) -> None:
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))
