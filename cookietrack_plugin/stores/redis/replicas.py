"""Commits that count when enough replicas have them, so that a failover does not lose them."""

from collections.abc import Mapping, Sequence
from typing import Any

from redis.exceptions import NoPermissionError

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.stores.kit.options import PLACE
from cookietrack_plugin.stores.kit.wording import wrong
from cookietrack_plugin.stores.redis.rounds import Answers, Command


class Replicas:
    """
    Has a server wait for its replicas. WAIT covers what was written on its own connection, so it
    follows the commands directly, on the same connection and to the same master. In a transaction
    it would not wait.

    :param number: how many replicas of a master have to have a commit; 0 not to wait.
    :param timeout: for how long it waits, in seconds.
    """

    def __init__(self, number: int, timeout: float) -> None:
        self._number = number
        self._milliseconds = max(1, round(timeout * 1000))

    def extended(self, commands: Sequence[Command], writes: bool) -> Sequence[Command]:
        """The commands that one server gets: these, and WAIT where they write."""
        if not (writes and self._number):
            return commands
        return [*commands, ("WAIT", self._number, self._milliseconds)]

    def checked(self, answers: Answers, writes: bool) -> Answers:
        """
        The answers to the commands alone.

        :raises StoreUnavailable: too few replicas have acknowledged in time. The master has the
            commit nevertheless.
        """
        if not (writes and self._number):
            return answers
        *answers, arrived = answers
        if isinstance(arrived, NoPermissionError):
            raise arrived
        if isinstance(arrived, Exception):
            raise StoreUnavailable(f"whether the commit lasts is not known: {arrived}")
        if arrived < self._number and not all(isinstance(each, Exception) for each in answers):
            raise StoreUnavailable(
                f"expected {self._number} of the replicas to have the commit, found {arrived}:"
                " whether it lasts is not known"
            )
        return answers


def require_replicas(info: Mapping[str, Any], number: int, place: str) -> None:
    """
    Check that a master stops accepting writes when it has lost its replicas, as far as it says so.
    Otherwise it answers look-ups on the wrong side of a network partition, where it does not learn
    of logouts.

    :param info: the master's answer to INFO.
    :param number: how many have to have a commit.
    :raises ConfigError: it goes on.
    """
    # INFO has this field only where min-replicas-to-write is set.
    if number and info and "min_slaves_good_slaves" not in info:
        expected = (
            f"masters at {place} that stop without replicas: set min-replicas-to-write 1 or more,"
            " and a min-replicas-max-lag, on all servers"
        )
        raise wrong("replicas", PLACE, expected, "one that goes on")
