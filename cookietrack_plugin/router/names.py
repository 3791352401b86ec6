"""The names of a node's cookies, as its workers know them."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from cookietrack_plugin.router.workerenv import with_variable

# Set by the node for each of its workers. Names have no spaces in them.
VARIABLE = "COOKIETRACK_COOKIE_NAMES"


class CookieNames:
    """
    The names of all cookies that a worker knows of: those of the node's configuration, and of its
    own transports that were started later.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = frozenset(names)

    def known(self) -> frozenset[str]:
        """All of them so far. If there are none, there is no cookie to hide."""
        return self._names

    def add(self, names: Iterable[str]) -> None:
        """Note the cookies of a transport or service that is being started."""
        self._names = self._names.union(names)


cookie_names = CookieNames(os.environ.get(VARIABLE, "").split())


def with_names(env: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The `env` item of a worker's options, with these names in its variables."""
    return with_variable(env, VARIABLE, " ".join(sorted(names)))
