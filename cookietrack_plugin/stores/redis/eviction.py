"""
Servers that throw away what they are to keep.

A full server whose `maxmemory-policy` is not `noeviction` drops keys: with `volatile-...` those
with a time to live, which are records and the indexes of users, with `allkeys-...` any. A record
that is gone is a lost login. An index that is gone hides logins from those who would end them, so
nobody relies on one of a server that evicts, or has evicted since it was started.
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
    Do nothing if a server keeps what it has, or does not say.

    :param info: what the server says of itself.
    :raises ConfigError: it evicts.
    """
    if _evicts(info):
        found = f"a server with maxmemory-policy {info['maxmemory_policy']} at {place}"
        raise wrong_url(found, "one that evicts no logins: set its maxmemory-policy to noeviction")


class EvictionCheck:
    """
    Asks servers whether the indexes can be relied on, and logs where they cannot.

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
        Whether an index may have been evicted. Where the user may not ask, it is taken for granted
        that the server was set up as it should be: that was logged when the store was opened.
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
                " set it to noeviction. Users' sessions are looked for among all records",
                self._place,
                ", ".join(policies),
            )
        self._was_suspect = is_suspect
        return is_suspect


def _evicts(info: Mapping[str, Any]) -> bool:
    return bool(info.get("maxmemory")) and info.get("maxmemory_policy") != _KEEPS


def _parsed(answer: Any) -> Mapping[str, Any]:
    """What INFO says, numbers as such; nothing where it may not be asked."""
    if isinstance(answer, (NoPermissionError, ResponseError)):
        return {}
    lines = (line.partition(":") for line in answer.decode(errors="replace").splitlines())
    return {name: int(value) if value.isdecimal() else value for name, _, value in lines}
