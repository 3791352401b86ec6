"""Commits that count when replicas have them: whichever of them takes over knows them then."""

from collections.abc import Mapping, Sequence
from typing import Any

from redis.exceptions import NoPermissionError

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.stores.kit.options import PLACE
from cookietrack_plugin.stores.kit.wording import wrong
from cookietrack_plugin.stores.redis.rounds import Answers, Command


class Replicas:
    """
    Has a server wait for its replicas. WAIT is about what the server did until its connection's
    last command, so it goes right behind what it is about, on the same connection: behind another
    one, or to the next master, it would say nothing about that. In a transaction it does not wait.

    :param number: how many replicas of a master have to have a commit; 0 for not to wait.
    :param timeout: for how long it waits, in seconds.
    """

    def __init__(self, number: int, timeout: float) -> None:
        self._number = number
        self._milliseconds = max(1, round(timeout * 1000))

    def extended(self, commands: Sequence[Command], writes: bool) -> Sequence[Command]:
        """What one server gets."""
        if not (writes and self._number):
            return commands
        return [*commands, ("WAIT", self._number, self._milliseconds)]

    def checked(self, answers: Answers, writes: bool) -> Answers:
        """
        What it answered to the commands alone.

        :raises StoreUnavailable: too few replicas say so in time. The master has it all the same.
        """
        if not (writes and self._number):
            return answers
        *answers, arrived = answers
        if isinstance(arrived, NoPermissionError):
            raise arrived
        if isinstance(arrived, Exception):
            raise StoreUnavailable(f"whether what was stored stays is not known: {arrived}")
        if arrived < self._number and not all(isinstance(each, Exception) for each in answers):
            raise StoreUnavailable(
                f"{arrived} replicas have what was stored, and {self._number} have to:"
                " whether it stays is not known"
            )
        return answers


def require_replicas(info: Mapping[str, Any], number: int, place: str) -> None:
    """
    Do nothing if a master stops when it has lost its replicas, or does not say. One that goes on
    answers look-ups on the wrong side of a split, where it does not learn of logouts.

    :param info: what the master says of itself.
    :param number: how many have to have a commit.
    :raises ConfigError: it goes on.
    """
    # A master names its good replicas only where it counts them.
    if number and info and "min_slaves_good_slaves" not in info:
        expected = (
            f"masters at {place} that stop without replicas: set min-replicas-to-write 1 or more,"
            " and a min-replicas-max-lag, on all servers"
        )
        raise wrong("replicas", PLACE, expected, "one that goes on")
