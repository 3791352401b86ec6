"""The lmdb store: the kit's suite, and what LMDB adds to the contract."""

from cookietrack_plugin.stores.lmdb import LmdbProvider
from cookietrack_plugin.testing import DurableStoreSuite


class TestLmdbStore(DurableStoreSuite):
    provider = LmdbProvider
    options = {"type": "lmdb", "path": "cookies"}
    cramped_options = {"type": "lmdb", "path": "cookies", "maxsize": 4 * 2**20}
