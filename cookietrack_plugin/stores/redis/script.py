"""Scripts, which the server runs as one step."""

from collections.abc import Sequence
from hashlib import sha1
from typing import Any

from redis.exceptions import NoScriptError

from cookietrack_plugin.stores.redis.client import Client, Command


class Script:
    """
    A Lua script. It is no transaction: what it has done when it fails stays done. So it compares
    everything before it writes anything. Whether there is memory the server decides with the first
    write, for all of them.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._sha = sha1(source.encode(), usedforsecurity=False).hexdigest()

    def run(self, client: Client, calls: Sequence[Command]) -> list[Any]:
        """
        The script's answers to `calls`, each the number of keys, the keys and the arguments.

        :raises RedisError: the first that is among the answers.
        """
        answers = client.try_([("EVALSHA", self._sha, *call) for call in calls])
        unknown = [n for n, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        second = client.try_([("EVAL", self._source, *calls[n]) for n in unknown])
        for n, answer in zip(unknown, second, strict=True):
            answers[n] = answer
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers
