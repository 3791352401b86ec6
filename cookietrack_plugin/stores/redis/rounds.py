"""
Operations on Redis as round trips, independent of how these are sent.

An operation is a generator of rounds. Each is answered with a list, and the generator returns the
operation's result. So the same operation runs over a connection that a thread waits for, and over
one that the reactor watches.
"""

from collections.abc import Generator, Sequence
from typing import Any, TypeVar

from attrs import frozen

Command = tuple[Any, ...]
T = TypeVar("T")


@frozen
class Round:
    """
    Commands that are sent at once; a cluster gets them once for each of its nodes.

    `writes`: the answers count only when the replicas have what was written. `keys`: for each
    command a key whose server gets it, where the command does not have one itself. `carries`: they
    are scripts of `Script.by_one_key` for a cluster that is moving their slots. `pause_s`: how long
    to wait before.
    """

    commands: Sequence[Command]
    writes: bool = False
    keys: Sequence[str] | None = None
    carries: bool = False
    pause_s: float = 0.0

    def key_of(self, number: int) -> str:
        """The key by which a cluster finds the server of a command."""
        if self.keys is not None:
            return self.keys[number]
        command = self.commands[number]
        return str(command[_PLACES.get(command[0], 1)])


# An error of the server is an answer, too.
Answers = list[Any]
Rounds = Generator[Round, Answers, T]

# Where in a command its first key is, if not behind its name.
_PLACES = {"EVAL": 3, "EVALSHA": 3, "MEMORY": 2}


def checked(answers: Answers) -> Answers:
    """
    The answers, if no error is among them.

    :raises RedisError: the first that is.
    """
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers
