"""The plugin's conformance suite over the store."""

from cookietrack_diskcache.provider import DiskcacheProvider
from diskcache import Cache

from cookietrack_plugin.testing import DurableStoreSuite


class TestDiskcacheStore(DurableStoreSuite):
    provider = DiskcacheProvider
    options = {"type": "diskcache", "path": "cookies"}
    wrong_options = [("path", {"type": "diskcache", "path": ""})]
    lacks = {
        "feed": "it tells nobody: other workers learn of a revocation at the next look-up",
        "user_revocation": "the plugin ends a user's cookies one by one",
        "limit": "nothing but the disk limits it",
    }

    def damage(self, options, node_dir, id):
        with Cache(str(node_dir / options["path"])) as database:
            database.set(id, b"\xff")

    def plant(self, options, node_dir):
        with Cache(str(node_dir / options["path"])) as database:
            database.set("somebody", "else's cache")
