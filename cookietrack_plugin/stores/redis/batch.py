"""A batch of changes on Redis: read what has to be known, work out what becomes of it, swap it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from cookietrack_plugin.record import Authenticate, Change, Cookie
from cookietrack_plugin.stores.kit.fold import Outcome, applied, fold, lone_creates
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.fencing import FenceQuery, Fencing
from cookietrack_plugin.stores.redis.keys import Layout, Partition
from cookietrack_plugin.stores.redis.swap import (
    Found,
    RecordQuery,
    Swap,
    new_item,
    persist,
    run,
    swap_item,
)
from cookietrack_plugin.stores.redis.swap_script import ANY


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
        found, fencings = self._read(others, waiting)
        return [
            _plan(each, waiting[each], alone[each], found, fencings.get(each)) for each in waiting
        ]

    def _read(
        self,
        wanted: Mapping[Partition, Sequence[str]],
        waiting: Mapping[Partition, Sequence[Change]],
    ) -> tuple[dict[str, Found], dict[Partition, Fencing]]:
        """The records `wanted`, and the fences of those partitions where a login may be late."""
        records, number = RecordQuery(wanted), len(self._layout.partitions)
        fences = [
            FenceQuery(partition, number, logins)
            for partition, changes in waiting.items()
            if (logins := _logins(changes))
        ]
        commands = [*records.commands(), *(each for query in fences for each in query.commands())]
        answers = iter(self._client.run(commands))
        found = records.read(answers)
        return found, {query.partition: query.read(answers) for query in fences}


def _logins(changes: Sequence[Change]) -> list[Authenticate]:
    return [each for each in changes if isinstance(each, Authenticate) and each.since is not None]


def _plan(
    partition: Partition,
    changes: Sequence[Change],
    alone: Mapping[str, Cookie],
    found: Mapping[str, Found],
    fencing: Fencing | None,
) -> Plan:
    rest = [change for change in changes if change.id not in alone]
    before = {
        id: record
        for id in {change.id for change in rest}
        if (record := found[id].record) is not None
    }
    outcome = fold(rest, before, fencing.refuses) if fencing else fold(rest, before)
    items = [new_item(partition, cookie) for cookie in alone.values()]
    for cookie in outcome.altered():
        items.append(swap_item(partition, found[cookie.id], cookie))
    items += (swap_item(partition, found[id], None) for id in outcome.deleted())
    fence = fencing.last if fencing else ANY
    return Plan(changes, list(alone), outcome, Swap(partition, items, outcome.revoked, fence))
