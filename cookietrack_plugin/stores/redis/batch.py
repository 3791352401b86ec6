"""A batch of changes on Redis: read what has to be known, work out what becomes of it, swap it."""

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import frozen

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Change, Cookie
from cookietrack_plugin.stores.kit.fold import Outcome, applied, fold, lone_creates
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.keys import Layout, Partition
from cookietrack_plugin.stores.redis.swap import Found, Swap, new_item, read, run, swap_item

# How often is tried what others get in the way of.
_TRIES = 20


@frozen
class Plan:
    """The changes of one partition, worked out: `alone` are the ids of the lone Creates."""

    changes: Sequence[Change]
    alone: Sequence[str]
    outcome: Outcome
    swap: Swap

    def applied(self, answer: Sequence[int]) -> list[bool]:
        """Whether each change applied, given what the script said."""
        done = {item.id for item, each in zip(self.swap.items, answer, strict=True) if each}
        return applied(self.changes, set(self.alone), done, self.outcome.applied)


class Batches:
    """Applies batches, each partition's part in one step."""

    def __init__(self, client: Client, layout: Layout) -> None:
        self._client = client
        self._layout = layout

    def apply(self, changes: Sequence[Change]) -> list[bool]:
        """
        Apply `changes`; for each whether it applied.

        :raises StoreUnavailable: others keep changing the same records.
        :raises ValueError: nothing was done: a record cannot be stored at all.
        """
        waiting: dict[Partition, list[Change]] = defaultdict(list)
        for change in changes:
            waiting[self._layout.of(change.id)].append(change)
        results: dict[Partition, Iterator[bool]] = {}

        def try_() -> bool:
            plans = self._plans(waiting)
            answers = run(self._client, [plan.swap for plan in plans])
            for plan, answer in zip(plans, answers, strict=True):
                if answer is not None:
                    results[plan.swap.partition] = iter(plan.applied(answer))
                    del waiting[plan.swap.partition]
            return not waiting

        persist(try_)
        return [next(results[self._layout.of(change.id)]) for change in changes]

    def _plans(self, waiting: Mapping[Partition, Sequence[Change]]) -> list[Plan]:
        alone = {partition: lone_creates(changes) for partition, changes in waiting.items()}
        others = {
            partition: list({change.id for change in changes} - alone[partition].keys())
            for partition, changes in waiting.items()
        }
        found = read(self._client, others)
        return [_plan(each, waiting[each], alone[each], found) for each in waiting]


def _plan(
    partition: Partition,
    changes: Sequence[Change],
    alone: Mapping[str, Cookie],
    found: Mapping[str, Found],
) -> Plan:
    rest = [change for change in changes if change.id not in alone]
    before = {
        id: record
        for id in {change.id for change in rest}
        if (record := found[id].record) is not None
    }
    outcome = fold(rest, before)
    items = [new_item(partition, cookie) for cookie in alone.values()]
    for cookie in outcome.altered():
        items.append(swap_item(partition, found[cookie.id], cookie))
    items += (swap_item(partition, found[id], None) for id in outcome.deleted())
    return Plan(changes, list(alone), outcome, Swap(partition, items, outcome.revoked))


def persist(try_: Callable[[], bool]) -> None:
    """
    Try until it gives true.

    :raises StoreUnavailable: others get in the way every time.
    """
    for tried in range(_TRIES):
        if try_():
            return
        time.sleep(random.uniform(0, 0.001 * min(2**tried, 100)))
    raise StoreUnavailable("other nodes keep changing the same cookies: nothing was stored")
