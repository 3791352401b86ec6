"""WAMP messages in JSON, read by Python's scanner in C."""

import json
import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from autobahn.wamp import serializer
from autobahn.wamp.serializer import JsonObjectSerializer, JsonSerializer, Serializer

from cookietrack_plugin.router.extent import MAX_LEVELS, TOO_DEEP, may_be_deep
from cookietrack_plugin.router.fast.compared import JSON, noted

# What differs in the installed Autobahn. If anything does, its own code runs.
CHANGED = noted(serializer, JSON)
# How a text begins that stands for bytes (WAMP, "Binary Conversion of JSON Strings").
_BYTES = b"\\u0000"
_read = json.JSONDecoder().decode
# The end is optional, or a text without one would be searched again from each quote in it.
_TEXTS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_STEPS = {**dict.fromkeys(b"[{", 1), **dict.fromkeys(b"]}", -1)}
_NO_STEPS = bytes(set(range(256)) - _STEPS.keys())


class QuickObjects(JsonObjectSerializer):
    """
    Autobahn's own, but for single messages without bytes. Autobahn looks at each text whether it
    stands for bytes, and for that reads all messages by Python's scanner in Python.
    """

    # Autobahn's own attribute.
    _batched: bool

    def unserialize(self, payload: bytes) -> list[Any]:
        """:raises ValueError: it is no JSON, or nested deeper than `MAX_LEVELS` levels."""
        if may_be_deep(payload) and is_deep(payload):
            raise ValueError(TOO_DEEP)
        if self._batched or _BYTES in payload:
            unserialized: list[Any] = super().unserialize(payload)
            return unserialized
        return [_read(payload.decode())]


def is_deep(payload: bytes) -> bool:
    """
    Whether JSON is nested deeper than `MAX_LEVELS` levels. To find that out by reading it, the
    scanner in Python takes a third of a second, and the one in C the whole stack of the process:
    Crossbar imports a library (`py_ecc`) that raises Python's limit of recursion to 100,000.
    """
    steps = map(_STEPS.__getitem__, _TEXTS.sub(b"", payload).translate(None, _NO_STEPS))
    return any(level > MAX_LEVELS for level in accumulate(steps))


class QuickJson(JsonSerializer):
    """Autobahn's own, over `QuickObjects`."""

    def __init__(self, batched: bool) -> None:
        # Its id says whether messages come in batches.
        super().__init__(batched)
        Serializer.__init__(self, QuickObjects(batched))


def quick(serializers: Mapping[str, Any]) -> dict[str, Any]:
    """
    The serializers of a transport, by their ids, with quick ones for JSON, if it has some for it.
    In an Autobahn that reads JSON otherwise they stay as they are.
    """
    if CHANGED or JsonObjectSerializer.JSON_MODULE is not json:
        return dict(serializers)
    ours = {each.SERIALIZER_ID: each for each in map(QuickJson, (False, True))}
    return {id: ours.get(id, each) for id, each in serializers.items()}
