"""A batch of changes on Redis: read the records, work out their new states, compare and swap."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

from attrs import evolve, frozen

from cookietrack_plugin.record import Change, Cookie, Login, fenced_logins, is_id
from cookietrack_plugin.stores.kit.fold import Outcome, applied, fold, lone_creates
from cookietrack_plugin.stores.redis.feed import Entry
from cookietrack_plugin.stores.redis.fencing import FenceQuery, Fencing, known_entries
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
class Part:
    """
    The changes of one partition. `alone`: the records of its lone Creates, by id. `others`: the ids
    whose records are read. `logins`: those that fences may refuse. `known`: the entries of the feed
    that these know; if there are none, the fences are read.
    """

    partition: Partition
    changes: Sequence[Change]
    alone: Mapping[str, Cookie]
    others: Sequence[str]
    logins: Sequence[Login]
    known: Sequence[Entry]

    @classmethod
    def of(cls, partition: Partition, partitions: int, changes: Sequence[Change]) -> Self:
        """:param partitions: how many the store has."""
        alone, logins = lone_creates(changes), fenced_logins(changes)
        others = list({change.id for change in changes} - alone.keys())
        known = [] if others else known_entries(partition, partitions, logins)
        return cls(partition, changes, alone, others, logins, known)

    @property
    def reads_fences(self) -> bool:
        """Whether they are read, with the records or alone."""
        return bool(self.logins) and not self.known


@frozen
class Plan:
    """A part, worked out."""

    part: Part
    outcome: Outcome
    swap: Swap

    def applied(self, answer: Sequence[int]) -> list[bool]:
        """Whether each change applied, given the script's answer."""
        done = {item.id for item, each in zip(self.swap.items, answer, strict=True) if each}
        return applied(self.part.changes, set(self.part.alone), done, self.outcome.applied)


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
        waiting = self._parts(changes)
        results: dict[Partition, Iterator[bool]] = {}
        pauses = tries()
        while waiting:
            plans = yield from self._plans(waiting, next(pauses))
            answers = yield from run([plan.swap for plan in plans])
            waiting = []
            for plan, answer in zip(plans, answers, strict=True):
                if answer is None:
                    waiting.append(evolve(plan.part, known=()))
                else:
                    results[plan.part.partition] = iter(plan.applied(answer))
        return [next(results[self._layout.of(change.id)]) for change in changes]

    def _parts(self, changes: Sequence[Change]) -> list[Part]:
        by_partition: dict[Partition, list[Change]] = defaultdict(list)
        for change in changes:
            by_partition[self._layout.of(change.id)].append(change)
        number = len(self._layout.partitions)
        return [Part.of(each, number, its) for each, its in by_partition.items()]

    def _plans(self, parts: Sequence[Part], pause_s: float) -> Rounds[list[Plan]]:
        found, fencings = yield from self._read(parts, pause_s)
        return [_plan(part, found, fencings.get(part.partition)) for part in parts]

    def _read(
        self, parts: Sequence[Part], pause_s: float
    ) -> Rounds[tuple[dict[str, Found], dict[Partition, Fencing]]]:
        """The other records, and the fences where they are read."""
        number = len(self._layout.partitions)
        records = RecordQuery({part.partition: part.others for part in parts})
        fences = [
            FenceQuery(part.partition, number, part.logins) for part in parts if part.reads_fences
        ]
        commands = [*records.commands(), *(each for query in fences for each in query.commands())]
        answers = iter(checked((yield Round(commands, pause_s=pause_s))))
        found = records.read(answers)
        return found, {query.partition: query.read(answers) for query in fences}


def _plan(part: Part, found: Mapping[str, Found], fencing: Fencing | None) -> Plan:
    partition = part.partition
    rest = [change for change in part.changes if change.id not in part.alone]
    before = {id: record for id in part.others if (record := found[id].record) is not None}
    outcome = fold(rest, before, fencing.refuses if fencing else None)
    refused = fencing.refused(part.changes) if fencing else ()
    items = [new_item(partition, cookie) for id, cookie in part.alone.items() if id not in refused]
    for cookie in outcome.altered():
        items.append(swap_item(partition, found[cookie.id], cookie))
    items += (swap_item(partition, found[id], None) for id in outcome.deleted())
    fence = fencing.last if fencing else ANY
    return Plan(part, outcome, Swap(partition, items, outcome.revoked, fence, part.known))
