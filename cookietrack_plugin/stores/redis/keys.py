"""The keys of a Redis store."""

from functools import lru_cache
from hashlib import sha256
from zlib import crc32

from attrs import frozen


@frozen(cache_hash=True)
class Partition:
    """
    The keys of some of the records, and of all that belongs to them. They have one hash tag, so a
    cluster keeps them in one slot, where they can change in one step.

    `number`: its place in `Layout.partitions`.
    """

    tag: str
    number: int

    @property
    def expiry(self) -> str:
        """A sorted set of all ids by the time when they expire."""
        return f"{{{self.tag}}}:expiry"

    @property
    def revoked(self) -> str:
        """A stream of revocations: see `feed`."""
        return f"{{{self.tag}}}:revoked"

    @property
    def realms(self) -> str:
        """A set of the realms that somebody has ever logged in to."""
        return f"{{{self.tag}}}:realms"

    @property
    def fences(self) -> str:
        """
        A hash of fences by `digest_of` their name, as `fencing` reads them. `last` is the position
        of the one that was raised last.
        """
        return f"{{{self.tag}}}:fences"

    @property
    def fenced(self) -> str:
        """A sorted set of the fields of `fences` by the milliseconds of their position."""
        return f"{{{self.tag}}}:fenced"

    @property
    def nothing(self) -> str:
        """A key that never exists: see `lookup` and `script`."""
        return nothing_beside(f"{{{self.tag}}}")

    def cookie(self, id: str) -> str:
        """The record, as `codec` encodes it."""
        return f"{{{self.tag}}}:cookie:{id}"

    def user(self, authid: str, authrealm: str) -> str:
        """A sorted set of the ids of one user by the time when they expire."""
        return f"{{{self.tag}}}:user:{digest_of(authid, authrealm)}"


def nothing_beside(key: str) -> str:
    """The key that never exists in the partition of `key`."""
    return f"{key.partition('}')[0]}}}:nothing"


class Layout:
    """
    The partitions of a store.

    :param number: how many. One keeps the whole store in one slot of a cluster, and a batch is all
        or none. With more, the store grows with the cluster, and a batch is all or none in each.
    """

    def __init__(self, prefix: str, number: int) -> None:
        self.meta = f"{{{prefix}}}:meta"
        tags = [prefix] if number == 1 else [f"{prefix}:{n}" for n in range(number)]
        self.partitions = [Partition(tag, n) for n, tag in enumerate(tags)]

    def has(self, number: int, key: str) -> bool:
        """Whether `key` is of the partition with this number."""
        return any(
            each.number == number and key.startswith(f"{{{each.tag}}}:") for each in self.partitions
        )

    def of(self, id: str) -> Partition:
        """The partition of the record `id`."""
        return self.partitions[crc32(id.encode()) % len(self.partitions)]


# A login asks for four of them, of which two are the same for everybody in a realm.
@lru_cache(maxsize=1000)
def digest_of(authid: str | None, authrealm: str | None) -> str:
    """A digest of the name `(authid, authrealm)`, None for any, for keys: 32 characters."""
    first, second = encoded(authid), encoded(authrealm)
    return sha256(b"%d:%b%b" % (len(first), first, second)).hexdigest()[:32]


def encoded(text: str | None) -> bytes:
    """Any text as bytes, and None as bytes that no text has."""
    return b"" if text is None else b"=" + text.encode("utf-8", "surrogatepass")


def decoded(data: bytes) -> str:
    """The text that `encoded` made `data` of."""
    return data[1:].decode("utf-8", "surrogatepass")
