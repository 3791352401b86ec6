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
from cookietrack_plugin.stores.kit.options import check_options, wrong_option

# The range that Crossbar asserts at start, in bytes.
SMALLEST, LARGEST = 128 * 2**10, 128 * 2**30


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

    def check(self, options: Mapping[str, Any]) -> None:
        check_options(
            options,
            required={"path": str},
            optional={"purge_on_startup": bool, "maxsize": int, "readonly": bool, "sync": bool},
        )
        maxsize = options.get("maxsize", LARGEST)
        if not SMALLEST <= maxsize <= LARGEST:
            raise wrong_option(
                "maxsize", maxsize, f"a number of bytes from {SMALLEST} to {LARGEST}"
            )

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
