"""WAMP messages in JSON, read by Python's scanner in C."""

import json
from collections.abc import Mapping
from typing import Any

from autobahn.wamp import serializer
from autobahn.wamp.serializer import JsonObjectSerializer, JsonSerializer, Serializer

from cookietrack_plugin.router.fast.compared import JSON, noted

# What differs in the installed Autobahn. If anything does, its own code runs.
CHANGED = noted(serializer, JSON)
# How a text begins that stands for bytes (WAMP, "Binary Conversion of JSON Strings").
_BYTES = b"\\u0000"
_read = json.JSONDecoder().decode
# The C stack that the scanner may use. Crossbar imports a library (`py_ecc`) that raises Python's
# own limit to 100,000, so that a message of brackets would end the worker.
MAX_BRACKETS = 500


class QuickObjects(JsonObjectSerializer):
    """
    Autobahn's own, but for messages without bytes and without deep nesting. Autobahn looks at each
    text whether it stands for bytes, and for that reads all messages by Python's scanner in Python.
    """

    def unserialize(self, payload: bytes) -> list[Any]:
        if _BYTES in payload or payload.count(b"[") + payload.count(b"{") > MAX_BRACKETS:
            unserialized: list[Any] = super().unserialize(payload)
            return unserialized
        return [_read(payload.decode())]


class QuickJson(JsonSerializer):
    """Autobahn's own, over `QuickObjects`."""

    def __init__(self) -> None:
        Serializer.__init__(self, QuickObjects())


def quick(serializers: Mapping[str, Any]) -> dict[str, Any]:
    """
    The serializers of a transport, by their ids, with a quick one for JSON, if it has one for it.
    In an Autobahn that reads JSON otherwise they stay as they are.
    """
    ours = QuickJson.SERIALIZER_ID
    if CHANGED or ours not in serializers or JsonObjectSerializer.JSON_MODULE is not json:
        return dict(serializers)
    return {**serializers, ours: QuickJson()}
