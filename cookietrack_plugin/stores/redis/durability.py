"""Warnings about settings of a Redis server with which it can lose logins."""

from collections.abc import Iterator, Mapping
from typing import Any

from redis.exceptions import NoPermissionError, ResponseError

from cookietrack_plugin.stores.redis.client import Client

_APPENDONLY = (
    "appendonly is no: a crash takes back all logins and logouts since the last snapshot:"
    " set appendonly yes and appendfsync always"
)
_APPENDFSYNC = (
    "appendfsync is {}: a power cut takes back the logins and logouts of a second or more:"
    " set appendfsync always"
)
_EVICTION = (
    "maxmemory-policy is {}: logins are evicted when its memory is full: set it to noeviction"
)
_REPLICAS = (
    "its replicas lag behind: the one that takes over may not know the last logins and logouts: set"
    ' "replicas" in the store item to how many of them have to have a commit'
)
_UNKNOWN = "it does not say what its {0} is: make sure that {0} is {1}"


def durability_warnings(client: Client, infos: list[Mapping[str, Any]], replicas: int) -> list[str]:
    """
    One sentence for each setting with which logins can be lost, and logouts undone.

    :param infos: what each master says of itself.
    :param replicas: how many replicas a commit waits for.
    """
    masters = zip(client.masters(), infos, strict=False)
    found = [each for master, info in masters for each in _warnings(master, info, replicas)]
    return list(dict.fromkeys(found))


def _warnings(master: Any, info: Mapping[str, Any], replicas: int) -> Iterator[str]:
    appendfsync = _setting(master, "appendfsync")
    if "aof_enabled" not in info:
        yield _UNKNOWN.format("appendonly", "yes")
    elif not info["aof_enabled"]:
        yield _APPENDONLY
    elif appendfsync is None:
        yield _UNKNOWN.format("appendfsync", "always")
    elif appendfsync != "always":
        yield _APPENDFSYNC.format(appendfsync)
    if info.get("maxmemory") and info.get("maxmemory_policy") != "noeviction":
        yield _EVICTION.format(info.get("maxmemory_policy"))
    if info.get("connected_slaves") and not replicas:
        yield _REPLICAS
    if replicas and not info:
        yield _UNKNOWN.format("min-replicas-to-write", "1 or more")


def _setting(master: Any, name: str) -> str | None:
    """None where CONFIG is missing or forbidden, as on hosted servers."""
    try:
        value: str | None = master.config_get(name).get(name)
    except (NoPermissionError, ResponseError):
        return None
    return value
