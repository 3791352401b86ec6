"""
Servers that evict keys.

A full server whose `maxmemory-policy` is not `noeviction` evicts keys: with `volatile-...` those
with a time to live, which are records and the indexes of users, with `allkeys-...` any. An evicted
record is a lost login. An evicted index hides logins from a revocation, so no index is relied on
where the server evicts, or has evicted since it was started.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from redis.exceptions import NoPermissionError, ResponseError

from cookietrack_plugin.stores.kit.options import wrong_url
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.keys import Partition
from cookietrack_plugin.stores.redis.rounds import Round

log = logging.getLogger(__name__)

_KEEPS = "noeviction"


def require_noeviction(info: Mapping[str, Any], place: str) -> None:
    """
    Check that a server does not evict keys, as far as it says so.

    :param info: the server's answer to INFO.
    :raises ConfigError: it evicts.
    """
    if _evicts(info):
        found = f"a server with maxmemory-policy {info['maxmemory_policy']} at {place}"
        raise wrong_url(found, "one that evicts no logins: set its maxmemory-policy to noeviction")


class EvictionCheck:
    """
    Asks servers whether indexes can be relied on, and logs that they cannot.

    :param place: the server, as people may see it.
    """

    def __init__(self, client: Client, partitions: Sequence[Partition], place: str) -> None:
        self._client = client
        # One server has all partitions.
        self._partitions = partitions if client.is_cluster else partitions[:1]
        self._place = place
        self._was_suspect = False

    def is_suspect(self) -> bool:
        """
        Whether an index may have been evicted. Where the user may not ask, the server is assumed to
        be set up correctly; a warning was logged when the store was opened.
        """
        commands = [("INFO",)] * len(self._partitions)
        keys = [each.expiry for each in self._partitions]
        answers = self._client.exchange(Round(commands, keys=keys))
        infos = [_parsed(answer) for answer in answers]
        is_suspect = any(_evicts(info) or info.get("evicted_keys", 0) for info in infos)
        if is_suspect and not self._was_suspect:
            policies = sorted({str(info.get("maxmemory_policy")) for info in infos})
            log.warning(
                "%s evicts logins when its memory is full, or has done so (maxmemory-policy %s):"
                " set it to noeviction. Until it is restarted, finding a user's logins reads all"
                " records",
                self._place,
                ", ".join(policies),
            )
        self._was_suspect = is_suspect
        return is_suspect


def _evicts(info: Mapping[str, Any]) -> bool:
    return bool(info.get("maxmemory")) and info.get("maxmemory_policy") != _KEEPS


def _parsed(answer: Any) -> Mapping[str, Any]:
    """The fields of INFO, numbers as integers; nothing where INFO is forbidden."""
    if isinstance(answer, (NoPermissionError, ResponseError)):
        return {}
    lines = (line.partition(":") for line in answer.decode(errors="replace").splitlines())
    return {name: int(value) if value.isdecimal() else value for name, _, value in lines}
