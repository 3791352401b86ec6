"""The `env` item of a worker's options, by which the node hands its workers what it knows."""

from collections.abc import Mapping
from typing import Any


def with_variable(env: Mapping[str, Any], name: str, value: str) -> dict[str, Any]:
    """`env` with an environment variable for the worker's process; the others stay."""
    return {**env, "vars": {**env.get("vars", {}), name: value}}
