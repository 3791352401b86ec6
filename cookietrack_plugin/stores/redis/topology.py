"""Checks that the server is what the `url` says it is, as far as its INFO tells."""

from collections.abc import Mapping
from typing import Any

from redis.exceptions import NoPermissionError, ResponseError

from cookietrack_plugin.errors import ConfigError, StoreUnavailable
from cookietrack_plugin.stores.kit.options import wrong_url
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.url import RedisUrl

LEAST_VERSION = (6, 2)


def infos(client: Client) -> list[Mapping[str, Any]]:
    """Each master's answer to INFO; nothing where the user may not ask."""
    return [_info(master) for master in client.masters()]


def check_topology(info: Mapping[str, Any], url: RedisUrl) -> None:
    """
    Check that the store can use the server.

    :raises ConfigError: it is too old, a sentinel, or one of a cluster where one server was named.
    :raises StoreUnavailable: it is a replica just now, and may become the master again.
    """
    if info.get("redis_mode") == "sentinel":
        raise _wrong(url, "a sentinel", "redis+sentinel://host:port/service for a sentinel")
    version = str(info.get("redis_version", "99"))
    if tuple(int(part) for part in version.split(".")[:2]) < LEAST_VERSION:
        raise _wrong(url, f"a server of version {version}", "6.2 or newer, or Valkey")
    if info.get("cluster_enabled") and url.kind != "cluster":
        raise _wrong(url, "a node of a cluster", "redis+cluster://host:port for a cluster")
    if info.get("role") in ("slave", "replica"):
        raise StoreUnavailable(
            f"{url.shown} takes no writes: it is a replica. If its master changes, the url is"
            " redis+sentinel://host:port/service"
        )


def _info(master: Any) -> Mapping[str, Any]:
    try:
        info: Mapping[str, Any] = master.info()
    except (NoPermissionError, ResponseError):
        return {}
    return info


def _wrong(url: RedisUrl, found: str, expected: str) -> ConfigError:
    return wrong_url(f"{found} at {url.shown}", expected)
