"""The table of all stores in the documentation: what each promises, asked of an open one."""

import re
from contextlib import closing
from pathlib import Path

import pytest

from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.testing.promises import Promises, as_table, promises_of
from servers.databases import PostgreSQL
from servers.redises import RedisServer
from tests.support.redis_stores import new_prefix

pytest_plugins = ["tests.support.servers"]

PAGE = Path(__file__).parents[2] / "docs" / "stores-by-others.md"
BETWEEN = re.compile(r"<!-- stores -->\n(.*)<!-- /stores -->", re.DOTALL)


def promises(name: str, on_disk: bool, folder: Path, **options: str) -> Promises:
    provider = find_provider(name.partition(" ")[0])
    item = {"type": name.partition(" ")[0], **options}
    provider.check(item)
    with closing(provider.open(item, str(folder))) as store:
        return promises_of(name, provider, store, on_disk)


@pytest.mark.server
def test_the_documentation_says_what_each_store_promises(
    tmp_path: Path, postgresql: PostgreSQL, redis_server: RedisServer
) -> None:
    with postgresql.database() as database:
        sql = promises("sql on PostgreSQL", False, tmp_path, url=postgresql.url(database))
    rows = [
        promises("memory", True, tmp_path),
        promises("file", True, tmp_path, filename="cookies.dat"),
        promises("lmdb", True, tmp_path, path="cookies"),
        promises("sql on SQLite", True, tmp_path, url="sqlite:///cookies.db"),
        sql,
        promises("redis", False, tmp_path, url=redis_server.url(), prefix=new_prefix()),
    ]
    found = BETWEEN.search(PAGE.read_text())
    assert found
    assert found[1] == f"{as_table(rows)}\n", f"expected in {PAGE.name}:\n{as_table(rows)}"
