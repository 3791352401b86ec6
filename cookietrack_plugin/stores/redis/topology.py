"""Whether the server is what the `url` says it is, as far as it says so itself."""

from collections.abc import Mapping
from typing import Any

from redis.exceptions import NoPermissionError, ResponseError

from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.url import RedisUrl

LEAST_VERSION = (6, 2)


def infos(client: Client) -> list[Mapping[str, Any]]:
    """What each master says of itself; nothing where the user may not ask."""
    return [_info(master) for master in client.masters()]


def check_topology(info: Mapping[str, Any], url: RedisUrl) -> None:
    """
    :raises ConfigError: it is too old, a replica, or one of a cluster where one server was named.
    """
    version = str(info.get("redis_version", "99"))
    if tuple(int(part) for part in version.split(".")[:2]) < LEAST_VERSION:
        raise _wrong(url, f"a server of version {version}", "6.2 or newer, or Valkey")
    if info.get("cluster_enabled") and url.kind != "cluster":
        raise _wrong(url, "a node of a cluster", "redis+cluster://host:port with that")
    if info.get("role") in ("slave", "replica"):
        raise _wrong(url, "a replica", "its master, or redis+sentinel://host:port/service")


def _info(master: Any) -> Mapping[str, Any]:
    try:
        info: Mapping[str, Any] = master.info()
    except (NoPermissionError, ResponseError):
        return {}
    return info


def _wrong(url: RedisUrl, found: str, allowed: str) -> ConfigError:
    return ConfigError(f'"url" in cookie store: {url.shown}: found {found}, allowed is {allowed}')
