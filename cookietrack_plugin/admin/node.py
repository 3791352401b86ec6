"""A node directory, as Crossbar finds and reads it."""

import json
import os
import re
from contextlib import suppress
from typing import Any

import psutil
from attrs import frozen

from cookietrack_plugin.admin.recognition import names_around, names_in, names_of
from cookietrack_plugin.config.listeners import Tracking, in_node
from cookietrack_plugin.config.registry import find_provider, installed_types
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.kit.permissions import denied, is_hidden
from cookietrack_plugin.stores.kit.redaction import HIDDEN, redact_url

# In the order in which Crossbar looks for them.
CONFIG_FILES = ("config.yaml", "config.json")
# Where it looks for them by default.
NODE_DIRECTORY = ".crossbar"
# Stores that a message names.
_NAMED = 5
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
    with suppress(OSError, ValueError, LookupError, TypeError, psutil.Error):
        with open(os.path.join(directory, "node.pid"), encoding="utf-8") as file:
            process = psutil.Process(int(json.load(file)["pid"]))
        # After a crash the file is still there, and the number may be somebody else's by now.
        return process.pid if any(map(_names_crossbar, process.cmdline())) else None
    return None


def _names_crossbar(word: str) -> bool:
    # The launcher's name, or the title that the node gives itself.
    return os.path.basename(word).startswith("crossbar")


def default_directory() -> str:
    """Where Crossbar looks for a node by default."""
    if "CROSSBAR_DIR" in os.environ:
        return os.environ["CROSSBAR_DIR"]
    return NODE_DIRECTORY if os.path.isdir(NODE_DIRECTORY) else "."


def read_node(place: str) -> NodeConfig:
    """
    Read a node's configuration.

    :param place: a node directory, a directory with a `.crossbar` in it, or a configuration file.
    :raises ConfigError: there is none, or it cannot be read.
    """
    path = os.path.abspath(_config_file(place))
    try:
        return NodeConfig(path, os.path.dirname(path), _read(path))
    except ConfigError:
        _check_no_store(place)
        raise


def _check_no_store(path: str) -> None:
    if names := names_of(path):
        raise ConfigError(f"{path} is a store and no node: name it {' or '.join(names)}")
    if names := names_around(path):
        raise ConfigError(f"{path} is a file of a store: name it {' or '.join(names)}")


def _config_file(place: str) -> str:
    if os.path.isfile(place):
        return place
    for directory in (place, os.path.join(place, NODE_DIRECTORY)):
        for name in CONFIG_FILES:
            if os.path.isfile(path := os.path.join(directory, name)):
                return path
    for directory in (place, os.path.join(place, NODE_DIRECTORY)):
        if is_hidden(path := os.path.abspath(directory)):
            raise ConfigError(f"{directory} cannot be read: {denied(path)}")
    if place in installed_types():
        location = "" if find_provider(place).place is None else "LOCATION"
        raise ConfigError(f"{place!r} is a store type: expected {place}:{location}")
    if not os.path.isdir(place):
        raise ConfigError(
            f"{redact_url(place)!r} is neither a node directory nor a store (TYPE:LOCATION, see"
            " `cookietrack stores`)"
        )
    _check_no_store(place)
    raise ConfigError(
        f"no {' or '.join(CONFIG_FILES)} in {os.path.abspath(place)}{_stores_in(place)}"
    )


def _stores_in(directory: str) -> str:
    stores = names_in(directory)
    if not stores:
        return ""
    more = f" and {len(stores) - _NAMED} more" if len(stores) > _NAMED else ""
    return f". There are stores in it: {', '.join(stores[:_NAMED])}{more}"


def _read(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        return _parse_yaml(text) if path.endswith(".yaml") else json.loads(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {denied(path) or error.strerror}") from error
    except (ValueError, RecursionError) as error:
        cause = " ".join(str(error).split())
        raise ConfigError(f"{path} is no valid configuration: {cause}") from error


def _parse_yaml(text: str) -> Any:
    # Imported here: it takes as long as all the rest.
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        # Without the line that PyYAML quotes: a password may stand in it.
        mark = error.problem_mark
        at = f": line {mark.line + 1} column {mark.column + 1}" if mark else ""
        problem = _QUOTED_WORD.sub(HIDDEN, error.problem or "it is no YAML")
        raise ValueError(f"{problem}{at}") from error
    except yaml.YAMLError as error:
        raise ValueError("it is no YAML") from error
