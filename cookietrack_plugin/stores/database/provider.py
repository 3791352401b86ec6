"""Crossbar's own zLMDB store, passed through: its cookies and their defects are Crossbar's."""

import os
from collections.abc import Mapping
from typing import Any

from zope.interface import implementer

from cookietrack_plugin.interfaces import (
    ICookieStore,
    ICookieStoreProvider,
    IReadOnlyProvider,
    IRecognizer,
    IRouterCookieStore,
)
from cookietrack_plugin.stores.database.recognition import is_zlmdb
from cookietrack_plugin.stores.kit.options import Number, Option, Options

# The range that Crossbar asserts at start, and its defaults.
OPTIONS = Options(
    path=Option("the directory of the database"),
    maxsize=Number(
        "the most bytes that it may take",
        default=2**30,
        low=128 * 2**10,
        high=128 * 2**30,
        noun="a number of bytes",
    ),
    readonly=Option("open it for reading alone", bool, False),
    sync=Option("flush each transaction to the disk", bool, True),
    purge_on_startup=Option("begin with an empty store at each start", bool, False),
)


@implementer(ICookieStoreProvider, IReadOnlyProvider, IRecognizer)
class DatabaseProvider:
    """`{"type": "database", "path": ...}`, with all options that Crossbar gives it."""

    summary = (
        "Crossbar's own zLMDB database: keeps cookie values, also of those that have expired, and"
        " stops its worker while it reads and writes"
    )
    volatile = False
    exclusive = False
    place = "path"
    opens = IRouterCookieStore
    options = OPTIONS

    def check(self, options: Mapping[str, Any]) -> None:
        self.options.check(options)

    def open(self, options: Mapping[str, Any], node_dir: str) -> IRouterCookieStore:
        # The one store that needs Crossbar, and only when it is named.
        from cookietrack_plugin.stores.database.passthrough import CrossbarDatabase

        return CrossbarDatabase(_path(options, node_dir), {"store": dict(options)})

    def open_readonly(self, options: Mapping[str, Any], node_dir: str) -> ICookieStore:
        from cookietrack_plugin.stores.database.records import DatabaseRecords

        return DatabaseRecords(_path(options, node_dir))

    def recognize(self, path: str) -> str | None:
        return path if is_zlmdb(path) else None


def _path(options: Mapping[str, Any], node_dir: str) -> str:
    return os.path.abspath(os.path.join(node_dir, options["path"]))
