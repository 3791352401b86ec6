"""What `check` warns of in the node's configuration, for the workers that show it."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import accumulate
from typing import Any

from cookietrack_plugin.config.check import check_node
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.router.workerenv import with_variable

# Set by the node for each of its workers: these know their own transports alone.
VARIABLE = "COOKIETRACK_WARNINGS"
# Linux refuses to start a process with a variable of 128 KiB.
_MOST_CHARACTERS = 65_536


def with_warnings(env: Mapping[str, Any], content: Any) -> Mapping[str, Any]:
    """The `env` item of a worker's options, with the warnings of a configuration in it."""
    with suppress(ConfigError):
        if warnings := _bounded(check_node(content)):
            return with_variable(env, VARIABLE, json.dumps(warnings))
    return env


def _bounded(warnings: Sequence[str]) -> list[str]:
    sizes = accumulate(len(json.dumps(each)) for each in warnings)
    kept = [each for each, size in zip(warnings, sizes, strict=True) if size <= _MOST_CHARACTERS]
    rest = len(warnings) - len(kept)
    return [*kept, f"{rest} more: see crossbar-cookietrack check"] if rest else kept


def config_warnings() -> list[str]:
    """Those of the configuration that this worker's node was started with, a sentence each."""
    return list(json.loads(os.environ.get(VARIABLE, "[]")))
