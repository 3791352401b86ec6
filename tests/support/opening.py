"""Stores, opened as a worker opens them."""

from typing import Any

from cookietrack_plugin.stores.sql.provider import SqlProvider
from cookietrack_plugin.stores.sql.store import SqlStore


def open_sql(url: str, node_dir: object = ".", **options: Any) -> SqlStore:
    """A store of this URL, checked and opened as a worker does it."""
    provider = SqlProvider()
    item = {"type": "sql", "url": url, **options}
    provider.check(item)
    return provider.open(item, str(node_dir))
