"""Whether some order of what several processes did explains what they saw."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from campaign.steps import Commit, Expire, Records, RevokeUser, Step, begun_now
from cookietrack_plugin.record import Cookie, Login
from cookietrack_plugin.stores.kit.fold import Stored, fold


@frozen
class Volley:
    """
    What happened at once: the records before, the `steps` of each process and their `answers`, the
    records that were `found` afterwards, and what each process was `told` by the feed, if there is
    one.
    """

    before: Records
    steps: Sequence[Sequence[Step]]
    answers: Sequence[Sequence[Any]]
    found: Records
    told: Sequence[frozenset[Any]] | None = None

    def unexplained(self) -> str:
        """What no order of the steps explains; empty if one explains everything."""
        what = "no order explains the answers"
        for order in _orders(Order(self.before), [list(each) for each in self.steps]):
            if order.by_process(len(self.steps)) != [list(each) for each in self.answers]:
                continue
            if order.records != self.found:
                what = f"no order with these answers leads to what is there: {sorted(self.found)}"
            elif missing := self._untold(order):
                what = f"the feed does not tell of {sorted(map(str, missing))}"
            else:
                return ""
        return what

    def about(self, id: str) -> "Volley":
        """
        The same as far as it is about one record. How many a revocation or a sweep has deleted is
        about all of them, so these have no answer here. A sweep goes on until nothing is due: it
        may take what was created again, and had expired, while it ran.
        """
        pairs = [
            [pair for both in zip(*each, strict=True) for pair in _about(*both, id)]
            for each in zip(self.steps, self.answers, strict=True)
        ]
        return Volley(
            _only(self.before, id),
            [[step for step, _ in each] for each in pairs],
            [[answer for _, answer in each] for each in pairs],
            _only(self.found, id),
            self.told,
        )

    def unswept(self) -> "Volley":
        """The same without sweeps, of `about`."""
        kept = [[n for n, step in enumerate(each) if not _sweeps(step)] for each in self.steps]
        steps = [[own[n] for n in each] for own, each in zip(self.steps, kept, strict=True)]
        answers = [[own[n] for n in each] for own, each in zip(self.answers, kept, strict=True)]
        return evolve(self, steps=steps, answers=answers)

    def _untold(self, order: "Order") -> frozenset[Any]:
        return next((order.ended - each for each in self.told or () if order.ended - each), _NONE)


_NONE: frozenset[Any] = frozenset()


@frozen
class _Uncounted:
    """A step whose answer is not compared."""

    step: Step

    def after(self, records: Records) -> tuple[Records, object]:
        return self.step.after(records)[0], None


def _sweeps(step: Any) -> bool:
    return isinstance(step, _Uncounted) and isinstance(step.step, Expire)


def _about(step: Step, answer: Any, id: str) -> list[tuple[Any, Any]]:
    if not isinstance(step, Commit):
        return [(_Uncounted(step), None)] * (2 if isinstance(step, Expire) else 1)
    pairs = [pair for pair in zip(step.changes, answer, strict=True) if pair[0].id == id]
    return [(Commit([change for change, _ in pairs]), [applied for _, applied in pairs])]


def _only(records: Records, id: str) -> Records:
    return {key: cookie for key, cookie in records.items() if key == id}


@frozen
class Order:
    """What one order of the steps leads to: `ended` is what the feed has to tell."""

    records: Records
    revoked: tuple[RevokeUser, ...] = ()
    ended: frozenset[Any] = frozenset()
    answers: tuple[tuple[int, Any], ...] = ()

    def then(self, process: int, step: Any) -> "Order":
        if isinstance(step, Commit):
            return self._committed(process, step)
        records, answer = step.after(self.records)
        order = evolve(self, records=records, answers=(*self.answers, (process, answer)))
        revocation = getattr(step, "step", step)
        if isinstance(revocation, RevokeUser):
            told = order.ended | {revocation.entry()}
            return evolve(order, revoked=(*order.revoked, revocation), ended=told)
        return order

    def by_process(self, count: int) -> list[list[Any]]:
        """The answers of each."""
        return [[answer for who, answer in self.answers if who == n] for n in range(count)]

    def _committed(self, process: int, step: Commit) -> "Order":
        ids = {change.id for change in step.changes}
        before = {id: self.records[id] for id in ids if id in self.records}
        outcome = fold(map(begun_now, step.changes), before, self._refuses)
        kept = {id: each for id, each in self.records.items() if id not in ids}
        return evolve(
            self,
            records={**kept, **_whole(outcome.after)},
            ended=self.ended | set(outcome.revoked),
            answers=(*self.answers, (process, list(outcome.applied))),
        )

    def _refuses(self, login: Login) -> bool:
        """A login that began before the volley, of a user who was revoked in it."""
        return any(each.bars(login) for each in self.revoked)


def _whole(states: Mapping[str, Stored]) -> Records:
    return {id: state for id, state in states.items() if isinstance(state, Cookie)}


def _orders(order: Order, left: list[list[Any]]) -> Iterator[Order]:
    """All that keep the order of each process."""
    if not any(left):
        yield order
    for process, steps in enumerate(left):
        if steps:
            rest = [*left[:process], steps[1:], *left[process + 1 :]]
            yield from _orders(order.then(process, steps[0]), rest)
