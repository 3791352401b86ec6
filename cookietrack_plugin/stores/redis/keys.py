"""Where a Redis store keeps what."""

from hashlib import sha256
from zlib import crc32

from attrs import frozen


@frozen
class Partition:
    """
    The keys of some of the records, and of all that belongs to them. In a cluster they are in one
    slot, for the sake of their common hash tag: what is in one slot can change in one step.
    """

    tag: str

    @property
    def expiry(self) -> str:
        """A sorted set of all ids by the time when they expire."""
        return f"{{{self.tag}}}:expiry"

    @property
    def revoked(self) -> str:
        """A stream of ids that were deleted or lost their login."""
        return f"{{{self.tag}}}:revoked"

    @property
    def written(self) -> str:
        """What is written when replicas are waited for."""
        return f"{{{self.tag}}}:written"

    def cookie(self, id: str) -> str:
        """The record, as `codec` encodes it."""
        return f"{{{self.tag}}}:cookie:{id}"

    def authid(self, authid: str) -> str:
        """A sorted set of the ids of one user by the time when they expire."""
        digest = sha256(authid.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return f"{{{self.tag}}}:authid:{digest}"


class Layout:
    """
    The partitions of a store.

    :param number: how many. One keeps the whole store in one slot of a cluster, and a batch is all
        or none; with more, the store grows with the cluster, and a batch is all or none in each.
    """

    def __init__(self, prefix: str, number: int) -> None:
        self.meta = f"{{{prefix}}}:meta"
        tags = [prefix] if number == 1 else [f"{prefix}:{n}" for n in range(number)]
        self.partitions = [Partition(tag) for tag in tags]

    def of(self, id: str) -> Partition:
        """The partition of the record `id`."""
        return self.partitions[crc32(id.encode()) % len(self.partitions)]
