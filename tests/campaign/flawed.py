"""
A store that is right but for the flaw that its options name, in a file of pickles: each is what one
commit made of everything. In here, and not beside the tests, because other processes import it.
"""

import os
import pickle
from contextlib import suppress
from pathlib import Path
from zlib import crc32

from zope.interface import implementer

from cookietrack_plugin.errors import StoreCorrupt, StoreFull, StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider, IUserRevocation
from cookietrack_plugin.record import matches
from cookietrack_plugin.stores.kit.fold import fold

# What each does, and by which trials it is found.
FLAWS = {
    "buffers": "answers before anything is written",
    "never flushes": "answers when it is written, and not on disk",
    "splits": "writes a batch in two pieces, each of which counts",
    "forgets ends": "does not write deletions",
    "swallows": "answers as if it were written when that failed",
    "sulks": "refuses for ever once a call has failed",
    "half done": "leaves what it has written of a batch that it refuses",
    "trusts": "reads whatever is there",
}
TYPE = "tests.campaign.flawed:FlawedProvider"
_HEAD = 8


@implementer(ICookieStoreProvider)
class FlawedProvider:
    summary = "for tests of the campaign"
    volatile = exclusive = False
    place = "path"
    opens = ICookieStore

    def check(self, options):
        """Anything goes."""

    def open(self, options, node_dir):
        return FlawedStore(Path(node_dir, "store"), options.get("flaw"))


@implementer(ICookieStore, IUserRevocation)
class FlawedStore:
    reads_block = commits_block = False

    def __init__(self, path, flaw=None):
        self.path, self.flaw = path, flaw
        self.failed = False
        self.waiting = b""
        try:
            self.fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            self.cookies, self.size = self.read()
            os.ftruncate(self.fd, self.size)
            os.fsync(self.fd)
        except OSError as error:
            raise StoreUnavailable(str(error)) from error

    def read(self):
        data, cookies, place = self.path.read_bytes(), {}, 0
        while len(data) - place >= _HEAD:
            size, check = (int.from_bytes(data[place + n : place + n + 4]) for n in (0, 4))
            body = data[place + _HEAD : place + _HEAD + size]
            if len(body) < size or (crc32(body) != check and self.flaw != "trusts"):
                break
            with suppress(Exception):
                found = pickle.loads(body)
                cookies = {id: cookie for id, cookie in {**cookies, **found}.items() if cookie}
            place += _HEAD + size
        return cookies, place

    def load(self, ids):
        return {id: self.cookies[id] for id in ids if id in self.cookies}

    def commit(self, changes):
        ids = {change.id for change in changes}
        outcome = fold(changes, {id: self.cookies[id] for id in ids if id in self.cookies})
        self.write({id: outcome.after.get(id) for id in sorted(ids)})
        return outcome.applied

    def expire(self, now, limit):
        return self.delete([id for id, each in self.cookies.items() if each.expires <= now])

    def revoke_user(self, authid, authrealm, keep=frozenset()):
        return self.delete(
            [
                id
                for id, each in self.cookies.items()
                if matches(each.auth, authid, authrealm) and id not in keep
            ]
        )

    def delete(self, ids):
        self.write(dict.fromkeys(ids))
        return len(ids)

    def page(self, cursor, limit, authid=None, authrealm=None):
        ids = sorted(id for id in self.cookies if cursor is None or id > cursor)[:limit]
        return [self.cookies[id] for id in ids], ids[-1] if len(ids) == limit else None

    def stat(self):
        return {}

    def close(self):
        if self.fd >= 0:
            os.write(self.fd, self.waiting)
            os.close(self.fd)
            self.fd = -1

    def write(self, states):
        """Put the records under these ids; None: there is none."""
        if self.failed and self.flaw == "sulks":
            raise StoreUnavailable("no")
        for piece in self.pieces(states):
            try:
                self.append(piece)
            except OSError as error:
                self.failed = True
                if self.flaw != "swallows":
                    self.refuse(error, states)
        self.cookies = {id: each for id, each in {**self.cookies, **states}.items() if each}

    def pieces(self, states):
        if self.flaw == "forgets ends":
            states = {id: each for id, each in states.items() if each}
        half = len(states) // 2 if self.flaw == "splits" else 0
        items = list(states.items())
        for part in (items[:half], items[half:]):
            if part:
                body = pickle.dumps(dict(part))
                yield len(body).to_bytes(4) + crc32(body).to_bytes(4) + body

    def append(self, data):
        if self.flaw == "buffers":
            self.waiting += data
            return
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self.fd, rest) :]
        self.size += len(data)
        if self.flaw != "never flushes":
            try:
                os.fsync(self.fd)
            except OSError:
                self.size -= len(data)
                raise

    def refuse(self, error, states):
        """As far as it goes, the file is as it was."""
        if self.flaw == "half done":
            self.size = os.fstat(self.fd).st_size
            raise StoreFull(str(error)) from error
        os.ftruncate(self.fd, self.size)
        raise StoreUnavailable(str(error)) from error

    def damaged(self):
        raise StoreCorrupt("it has not been looked for")
