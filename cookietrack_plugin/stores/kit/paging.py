"""Reading what grows a page at a time."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Cursor = TypeVar("Cursor")
Item = TypeVar("Item")


def read_on(
    read: Callable[[Cursor], tuple[Sequence[Item], Cursor]], cursor: Cursor, size: int
) -> tuple[list[Item], Cursor]:
    """
    All that comes behind `cursor`, and the next cursor.

    :param read: gives the next `size` of it, fewer at the end, and where to go on from.
    """
    found: list[Item] = []
    while True:
        page, cursor = read(cursor)
        found += page
        if len(page) < size:
            return found, cursor
