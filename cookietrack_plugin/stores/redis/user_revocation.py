"""
The revocation of a user: its records are deleted, and a fence keeps out logins that began before.

The partition of a login orders it before or after a revocation: it has the record, the fence, and
the entry of the feed that both are measured by.

- One script deletes the records of the user, adds the entry and raises the fence to it. It does
  nothing if the user has others than those that were read before, and is tried again.
- Where a partition has more than `_STEP` of them, a script for all would block the server for long.
  Steps of that size come first, and that script deletes the rest, with all that was stored since.
- A whole realm has no index that a script could find empty, nor has a user on a server that may
  have evicted it; and a user who logs in all the time may never have an empty one. There the fence
  is raised first, at an entry of its own that readers of the feed skip. No login that began before
  it is stored from then on, so one walk over the records meets all of them. The last step adds the
  entry that readers learn from, and raises the fence to it.

A worker that reads the entry finds no record of a login that began before the revocation did. If
the server fails between two steps, some records are deleted, no worker has learned of it, and the
caller gets an error and retries. A first fence stands until then. It refuses no login that begins
later, as workers read on from its own entry.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cookietrack_plugin.record import Cookie, UserRevoked
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.eviction import EvictionCheck
from cookietrack_plugin.stores.redis.feed import user_fields
from cookietrack_plugin.stores.redis.indexes import Indexes
from cookietrack_plugin.stores.redis.keys import Layout, Partition
from cookietrack_plugin.stores.redis.lookup import read
from cookietrack_plugin.stores.redis.revoke_script import REVOKE, Revocation, beginning, end
from cookietrack_plugin.stores.redis.swap import Found, Swap, run, swap_item, tries

# Records that one script deletes: the server serves nobody else while it runs.
_STEP = 1000
# How often the last step is tried while the user logs in elsewhere.
_MAX_TRIES = 5

# Ids by the index that has them.
Members = Mapping[str, Sequence[str]]
Pages = Callable[[Partition], Iterable[Sequence[str]]]


class UserRevoker:
    """Revokes one user after the other."""

    def __init__(self, client: Client, layout: Layout, eviction: EvictionCheck) -> None:
        self._client = client
        self._eviction = eviction
        self._partitions = layout.partitions
        self._indexes = Indexes(client)

    def revoke(self, user: UserRevoked) -> int:
        """Delete the records of `user`, and raise its fence; how many there were."""
        if self._eviction.is_suspect():
            return self._behind_fence(user, self._partitions, self._indexes.unindexed)
        if user.authid is None:
            return self._behind_fence(user, self._partitions, self._indexes.all_of)
        count, tries, waiting = 0, _MAX_TRIES, self._partitions
        while waiting and tries:
            found = self._members(user, waiting)
            steps = [_step(partition, user, members) for partition, members in found.items()]
            answers = self._run(steps)
            pairs = list(zip(steps, answers, strict=True))
            count += sum(answer[0] for answer in answers if answer)
            tries -= any(answer == 0 for answer in answers)
            waiting = [step.partition for step, answer in pairs if not (step.entry and answer)]
        return count + (self._behind_fence(user, waiting) if waiting else 0)

    def _behind_fence(
        self, user: UserRevoked, partitions: Sequence[Partition], pages: Pages | None = None
    ) -> int:
        """:param pages: all ids of a partition; None to go by the indexes of the user."""
        fences = self._run([beginning(each, user) for each in partitions])
        if pages is None:
            count = self._empty(user, partitions)
        else:
            count = sum(self._delete(user, each, ids) for each in partitions for ids in pages(each))
        pairs = zip(partitions, fences, strict=True)
        self._run([end(each, user, position) for each, (_, position) in pairs])
        return count

    def _empty(self, user: UserRevoked, partitions: Sequence[Partition]) -> int:
        """Delete what is in the user's indexes."""
        count = 0
        while partitions:
            found = self._members(user, partitions)
            steps = [_portion(each, user, members) for each, members in found.items()]
            count += sum(deleted for deleted, _ in self._run(steps))
            partitions = [each for each, members in found.items() if _left(user, members) > 0]
        return count

    def _delete(self, user: UserRevoked, partition: Partition, ids: Sequence[str]) -> int:
        """Delete what is under the ids and of the user: only the records say whose they are."""
        for pause_s in tries():
            time.sleep(pause_s)
            found = self._client.complete(read({partition: ids}))
            items = [
                swap_item(partition, each, None) for each in found.values() if _is_of(user, each)
            ]
            if not items:
                break
            if (answer := self._client.complete(run([Swap(partition, items)]))[0]) is not None:
                return sum(answer)
        return 0

    def _members(
        self, user: UserRevoked, partitions: Sequence[Partition]
    ) -> dict[Partition, dict[str, list[str]]]:
        """Of each index of the user so many that one more than a step is among them."""
        assert user.authid is not None
        indexes = self._indexes.of_user(partitions, user.authid, user.authrealm)
        return self._indexes.members(indexes, _STEP + len(user.keep) + 1)

    def _run(self, steps: Sequence[Revocation]) -> list[Any]:
        return self._client.complete(REVOKE.run([step.arguments() for step in steps]))


def _step(partition: Partition, user: UserRevoked, members: Members) -> Revocation:
    """
    A portion of the members, or all of them if they are few enough: the last step, which does
    nothing unless the user has no others.
    """
    if _left(user, members) > 0:
        return _portion(partition, user, members)
    realms = len(members) if user.authrealm is None else None
    return Revocation(partition, user, members, True, realms, user_fields(user))


def _portion(partition: Partition, user: UserRevoked, members: Members) -> Revocation:
    """A step of the deletions."""
    room, portion = _STEP, {}
    for index, ids in members.items():
        if ending := [id for id in ids if id not in user.keep][:room]:
            portion[index] = ending
            room -= len(ending)
    return Revocation(partition, user, portion)


def _left(user: UserRevoked, members: Members) -> int:
    """How many records a step leaves."""
    return sum(id not in user.keep for ids in members.values() for id in ids) - _STEP


def _is_of(user: UserRevoked, found: Found) -> bool:
    if isinstance(found.record, Cookie):
        return user.ends(found.id, found.record.auth)
    # A damaged record has no known user: only a revocation of all users deletes it.
    return found.record is not None and user.ends(found.id, None)
