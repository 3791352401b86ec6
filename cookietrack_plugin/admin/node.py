"""A node directory, as Crossbar finds and reads it."""

import json
import os
import re
from contextlib import suppress
from typing import Any

from attrs import frozen

from cookietrack_plugin.config.listeners import Tracking, in_node
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.kit.redaction import HIDDEN, redact_url

# In the order in which Crossbar looks for them.
CONFIG_FILES = ("config.yaml", "config.json")
_QUOTED_WORD = re.compile("'[^']{2,}'")


@frozen
class NodeConfig:
    """`path`: of the configuration file. `directory`: where the node's relative paths begin."""

    path: str
    directory: str
    content: Any

    def transports(self) -> list[Tracking]:
        """Every transport with a `cookie` item, in the order of the file."""
        return list(in_node(self.content))


def running_pid(directory: str) -> int | None:
    """The process that runs the node in `directory`, by the file that Crossbar leaves for that."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        with open(os.path.join(directory, "node.pid"), encoding="utf-8") as file:
            pid = int(json.load(file)["pid"])
        # After a crash the file is still there, and the number may be somebody else's by now.
        with open(f"/proc/{pid}/cmdline", "rb") as command:
            words = command.read().split(b"\0")
        return pid if any(map(_names_crossbar, words)) else None
    return None


def _names_crossbar(word: bytes) -> bool:
    # The launcher's name, or the title that the node gives itself.
    return os.path.basename(word).startswith(b"crossbar")


def default_directory() -> str:
    """Where Crossbar looks for a node by default."""
    if "CROSSBAR_DIR" in os.environ:
        return os.environ["CROSSBAR_DIR"]
    return ".crossbar" if os.path.isdir(".crossbar") else "."


def read_node(place: str) -> NodeConfig:
    """
    Read a node's configuration.

    :param place: a node directory, a directory with a `.crossbar` in it, or a configuration file.
    :raises ConfigError: there is none, or it cannot be read.
    """
    path = os.path.abspath(_config_file(place))
    return NodeConfig(path, os.path.dirname(path), _read(path))


def _config_file(place: str) -> str:
    if os.path.isfile(place):
        return place
    for directory in (place, os.path.join(place, ".crossbar")):
        for name in CONFIG_FILES:
            if os.path.isfile(path := os.path.join(directory, name)):
                return path
    if not os.path.isdir(place):
        raise ConfigError(
            f"{redact_url(place)!r} is neither a node directory nor a store (TYPE:LOCATION, see"
            " `cookietrack stores`)"
        )
    raise ConfigError(f"no {' or '.join(CONFIG_FILES)} in {os.path.abspath(place)}")


def _read(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        return _parse_yaml(text) if path.endswith(".yaml") else json.loads(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        cause = " ".join(str(error).split())
        raise ConfigError(f"{path} is no valid configuration: {cause}") from error


def _parse_yaml(text: str) -> Any:
    # Only where it is needed: it takes as long to import as all the rest.
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        # Without the line that it quotes, and the words: a password may stand in them.
        mark = error.problem_mark
        at = f": line {mark.line + 1} column {mark.column + 1}" if mark else ""
        problem = _QUOTED_WORD.sub(HIDDEN, error.problem or "it is no YAML")
        raise ValueError(f"{problem}{at}") from error
    except yaml.YAMLError as error:
        raise ValueError("it is no YAML") from error
