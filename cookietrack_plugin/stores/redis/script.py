"""Scripts, which the server runs as one step."""

from collections.abc import Callable, Sequence
from hashlib import sha1
from typing import Any

from redis.exceptions import AskError, NoScriptError, TryAgainError

from cookietrack_plugin.stores.redis.rounds import Answers, Command, Round, Rounds, checked

# Tries to run a script on a slot that is being moved, and seconds between them.
_MAX_TRIES = 50
_PAUSE_S = 0.02
# What a cluster answers during that. MovedError is a subclass of AskError.
_MOVING = AskError, TryAgainError

# Takes the keys from the arguments, of which the first is their number.
_UNPACK = """
local all, KEYS, ARGV = ARGV, {}, {}
for n = 2, #all do table.insert(n < all[1] + 2 and KEYS or ARGV, all[n]) end
"""


class Script:
    """
    A Lua script. It is no transaction: what it has done when it fails stays done. So it compares
    everything before it writes anything. The server checks its memory at the first write, for all
    of them. A script that writes names a key that never exists: so a cluster that is moving the
    slot, and has some of the keys elsewhere, does not begin it.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._sha = sha1(source.encode(), usedforsecurity=False).hexdigest()

    def run(self, calls: Sequence[Command]) -> Rounds[Answers]:
        """
        The script's answers to `calls`, each the number of keys, the keys and the arguments.

        :raises RedisError: the first that is among the answers.
        """
        answers = yield Round([self.by_digest(each) for each in calls], writes=True)
        yield from _repeat(answers, calls, (NoScriptError,), self.by_source)
        tries = 0
        while tries < _MAX_TRIES and any(isinstance(each, _MOVING) for each in answers):
            yield from _repeat(answers, calls, _MOVING, self.by_one_key, carries=True)
            yield from _repeat(answers, calls, _MOVING, self.by_source, pause_s=_PAUSE_S)
            tries += 1
        return checked(answers)

    def by_digest(self, call: Command) -> Command:
        """The command for a server that has run the script before."""
        return "EVALSHA", self._sha, *call

    def by_source(self, call: Command) -> Command:
        """The command for every server."""
        return "EVAL", self._source, *call

    def by_one_key(self, call: Command) -> Command:
        """
        The command for a server to which the slot is moving. It would refuse several keys unless it
        has all of them, even those that do not exist: so it gets one, and the others as arguments.
        Those that exist have been migrated to it before.
        """
        return "EVAL", _UNPACK + self._source, 1, call[1], *call


def _repeat(
    answers: Answers,
    calls: Sequence[Command],
    errors: tuple[type[Exception], ...],
    way: Callable[[Command], Command],
    **options: Any,
) -> Rounds[None]:
    """Ask again, in another way, for what was answered with one of the errors."""
    numbers = [number for number, answer in enumerate(answers) if isinstance(answer, errors)]
    if numbers:
        second = yield Round([way(calls[number]) for number in numbers], writes=True, **options)
        for number, answer in zip(numbers, second, strict=True):
            answers[number] = answer
