"""A batch of changes on Redis: read the records, work out their new states, compare and swap."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from cookietrack_plugin.record import Change, Cookie, fenced_logins, is_id
from cookietrack_plugin.stores.kit.fold import Outcome, applied, fold, lone_creates
from cookietrack_plugin.stores.redis.fencing import FenceQuery, Fencing
from cookietrack_plugin.stores.redis.keys import Layout, Partition
from cookietrack_plugin.stores.redis.rounds import Round, Rounds, checked
from cookietrack_plugin.stores.redis.swap import (
    Found,
    RecordQuery,
    Swap,
    new_item,
    run,
    swap_item,
    tries,
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
        """Whether each change applied, given the script's answer."""
        done = {item.id for item, each in zip(self.swap.items, answer, strict=True) if each}
        return applied(self.changes, set(self.alone), done, self.outcome.applied)


class Batches:
    """Applies batches, each partition's part in one step."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def apply(self, changes: Sequence[Change]) -> Rounds[list[bool]]:
        """
        Apply `changes`; for each whether it applied.

        :raises StoreUnavailable: others keep changing the same records.
        :raises ValueError: nothing was done: a record cannot be stored at all.
        """
        asked = [change for change in changes if is_id(change.id)]
        applied = iter((yield from self._apply(asked)))
        return [is_id(change.id) and next(applied) for change in changes]

    def _apply(self, changes: Sequence[Change]) -> Rounds[list[bool]]:
        waiting: dict[Partition, list[Change]] = defaultdict(list)
        for change in changes:
            waiting[self._layout.of(change.id)].append(change)
        results: dict[Partition, Iterator[bool]] = {}
        pauses = tries()
        while waiting:
            plans = yield from self._plans(waiting, next(pauses))
            answers = yield from run([plan.swap for plan in plans])
            for plan, answer in zip(plans, answers, strict=True):
                if answer is not None:
                    results[plan.swap.partition] = iter(plan.applied(answer))
                    del waiting[plan.swap.partition]
        return [next(results[self._layout.of(change.id)]) for change in changes]

    def _plans(
        self, waiting: Mapping[Partition, Sequence[Change]], pause_s: float
    ) -> Rounds[list[Plan]]:
        alone = {partition: lone_creates(changes) for partition, changes in waiting.items()}
        others = {
            partition: list({change.id for change in changes} - alone[partition].keys())
            for partition, changes in waiting.items()
        }
        found, fencings = yield from self._read(others, waiting, pause_s)
        return [
            _plan(each, waiting[each], alone[each], found, fencings.get(each)) for each in waiting
        ]

    def _read(
        self,
        wanted: Mapping[Partition, Sequence[str]],
        waiting: Mapping[Partition, Sequence[Change]],
        pause_s: float,
    ) -> Rounds[tuple[dict[str, Found], dict[Partition, Fencing]]]:
        """The records `wanted`, and the fences of those partitions where a login may be late."""
        records, number = RecordQuery(wanted), len(self._layout.partitions)
        fences = [
            FenceQuery(partition, number, logins)
            for partition, changes in waiting.items()
            if (logins := fenced_logins(changes))
        ]
        commands = [*records.commands(), *(each for query in fences for each in query.commands())]
        answers = iter(checked((yield Round(commands, pause_s=pause_s))))
        found = records.read(answers)
        return found, {query.partition: query.read(answers) for query in fences}


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
    outcome = fold(rest, before, fencing.refuses if fencing else None)
    refused = fencing.refused(changes) if fencing else ()
    items = [new_item(partition, cookie) for id, cookie in alone.items() if id not in refused]
    for cookie in outcome.altered():
        items.append(swap_item(partition, found[cookie.id], cookie))
    items += (swap_item(partition, found[id], None) for id in outcome.deleted())
    fence = fencing.last if fencing else ANY
    return Plan(changes, list(alone), outcome, Swap(partition, items, outcome.revoked, fence))
