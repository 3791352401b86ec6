"""
How deeply data is nested, found without recursion: encoders and `deepcopy` recurse, and Crossbar
lets them do so until the process has no stack left.
"""

from collections.abc import Iterable, Mapping, Set
from itertools import chain
from typing import Any

from cbor2 import CBORTag

# Levels of an authextra that a store takes, itself included.
MAX_DEPTH = 200

_SEVERAL = (list, tuple, Set)
_CONTAINERS = (Mapping, CBORTag, *_SEVERAL)


def items_in(value: Any) -> Iterable[Any]:
    """What stands in `value` one level below it: of a mapping, keys too."""
    if isinstance(value, Mapping):
        return chain(value.keys(), value.values())
    if isinstance(value, CBORTag):
        return (value.value,)
    return value if isinstance(value, _SEVERAL) else ()


def is_deeper(value: Any, depth: int) -> bool:
    """Whether `value` is nested deeper than `depth` levels. What contains itself is."""
    level = _containers([value])
    for _ in range(depth):
        if not level:
            return False
        level = _containers(chain.from_iterable(map(items_in, level)))
    return bool(level)


def check_depth(value: Any, most: int = MAX_DEPTH) -> None:
    """:raises ValueError: an authextra is nested deeper than `most` levels."""
    if is_deeper(value, most):
        raise ValueError(f"the authextra is nested deeper than {most} levels")


def _containers(values: Iterable[Any]) -> list[Any]:
    """Each once: CBOR can say that one stands in many places, or in itself."""
    found = (each for each in values if isinstance(each, _CONTAINERS))
    return list({id(each): each for each in found}.values())
