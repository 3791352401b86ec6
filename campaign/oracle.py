"""What a store has to hold, by what it was handed and what it answered."""

from collections.abc import Iterator, Mapping

from attrs import define, field, frozen

from campaign.steps import Records, Step
from cookietrack_plugin.record import Auth, Cookie

# The states that are told apart: each fault doubles them at most, and an answer leaves few.
_MOST = 512


class Contradiction(Exception):
    """An answer that no state explains."""


@frozen
class Verdict:
    """
    `lost`: ids with less than was acknowledged. `revived`: ids with a record, or a login, that an
    acknowledged change had ended.
    """

    lost: frozenset[str] = frozenset()
    revived: frozenset[str] = frozenset()

    @property
    def is_good(self) -> bool:
        return not self.lost and not self.revived

    def __str__(self) -> str:
        parts = [("lost", self.lost), ("revived", self.revived)]
        return ", ".join(f"{word} {', '.join(sorted(ids))}" for word, ids in parts if ids) or "good"


@define
class Oracle:
    """
    `states`: what the store may hold. One, while every call is answered; a step that raised
    `StoreUnavailable` was applied as a whole or not at all, so it adds what it makes of each.
    `acknowledged`: how many changes were.
    """

    states: list[Records] = field(factory=lambda: [{}])
    acknowledged: int = 0
    _ever: dict[str, list[Cookie]] = field(factory=dict)

    def acknowledge(self, step: Step, answer: object) -> None:
        """
        :raises Contradiction: in no state that is possible is this the answer.
        """
        outcomes = [step.after(records) for records in self.states]
        explained = [records for records, result in outcomes if result == answer]
        if not explained:
            raise Contradiction(f"{step} was answered {answer}, not {outcomes[0][1]}")
        self._know(explained)
        self.acknowledged += sum(answer) if isinstance(answer, list) else 1

    def doubt(self, step: Step) -> None:
        """It raised `StoreUnavailable`, or its process was killed."""
        self._know(self.states + [step.after(records)[0] for records in self.states])

    def settle(self, found: Records) -> None:
        """What is there now is what was found: after a verdict that is good."""
        self.states = [found]

    def judge(self, found: Records) -> Verdict:
        """What is wrong with what a store holds, measured by the state that is next to it."""
        if any(found == records for records in self.states):
            return Verdict()
        verdicts = [_difference(records, found) for records in self.states]
        return min(verdicts, key=lambda verdict: len(verdict.lost) + len(verdict.revived))

    def invented(self, found: Mapping[str, Cookie]) -> Iterator[str]:
        """The ids under which there is something that was never stored there."""
        for id, cookie in found.items():
            if cookie not in self._ever.get(id, []):
                yield id

    def ever(self) -> Iterator[str]:
        """The ids under which anything was ever stored."""
        return iter(self._ever)

    def _know(self, states: list[Records]) -> None:
        distinct: list[Records] = []
        for records in states:
            if records not in distinct:
                distinct.append(records)
        assert len(distinct) <= _MOST, "too much is in doubt"
        self.states = distinct
        for records in distinct:
            for id, cookie in records.items():
                versions = self._ever.setdefault(id, [])
                if cookie not in versions:
                    versions.append(cookie)


def _difference(expected: Records, found: Records) -> Verdict:
    both = [id for id in expected if id in found and expected[id] != found[id]]
    logins = {id for id in both if _login(found[id]) not in (None, _login(expected[id]))}
    lost = (expected.keys() - found.keys()) | (set(both) - logins)
    return Verdict(frozenset(lost), frozenset((found.keys() - expected.keys()) | logins))


def _login(cookie: Cookie) -> Auth | None:
    return cookie.auth
