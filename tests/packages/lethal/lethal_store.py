"""A third party's store that does to its process what damage within a mapped file can do to it."""

import os
import re
import signal
import time
from collections.abc import Mapping, Sequence
from typing import Any

from zope.interface import implementer

from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.kit.options import check_options
from cookietrack_plugin.stores.memory import MemoryStore


def _be_ready() -> None:
    open(os.environ["READY"], "w").close()


@implementer(ICookieStoreProvider)
class LethalProvider:
    """`{"type": "lethal", "how": ...}`: the name of a signal, `loop`, `wait`, or `exit`."""

    summary = "kills who reads it"
    volatile = False
    exclusive = False
    place = "how"
    opens = ICookieStore

    def check(self, options: Mapping[str, Any]) -> None:
        check_options(options, required={"how": str})

    def open(self, options: Mapping[str, Any], node_dir: str) -> "LethalStore":
        return LethalStore(options["how"])


class LethalStore(MemoryStore):
    def __init__(self, how: str) -> None:
        super().__init__(max_cookies=1000)
        self._how = how

    def stat(self) -> Mapping[str, Any]:
        if self._how != "loop":
            self._die()
        return super().stat()

    def page(
        self,
        cursor: str | None,
        limit: int,
        authid: str | None = None,
        authrealm: str | None = None,
    ) -> tuple[Sequence[Cookie], str | None]:
        self._die()
        return super().page(cursor, limit, authid, authrealm)

    def _die(self) -> None:
        if self._how == "loop":
            _be_ready()
            # Within one call of C, of which the interpreter gets nothing back.
            re.match(r"(a+)+$", "a" * 60 + "b")
        elif self._how == "wait":
            _be_ready()
            time.sleep(600)
        elif self._how.startswith("SIG"):
            os.kill(os.getpid(), signal.Signals[self._how])
            time.sleep(600)
