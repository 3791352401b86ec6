"""What a store promises, as its provider and its interfaces say: one row of a table."""

from collections.abc import Iterable

from attrs import frozen
from zope.interface import Interface

from cookietrack_plugin.interfaces import (
    ICookieStore,
    ICookieStoreProvider,
    INonBlockingCommit,
    IReadOnlyProvider,
    IRevocationFeed,
    IRevocationSignal,
    IServerTime,
    IUserRevocation,
    IVerifiable,
)
from cookietrack_plugin.testing.bulk import max_changes_of

_POWERS: dict[str, type[Interface]] = {
    "ends a user in one step": IUserRevocation,
    "tells other workers": IRevocationFeed,
    "at once": IRevocationSignal,
    "commits without a thread": INonBlockingCommit,
    "has the server's clock": IServerTime,
    "finds damage": IVerifiable,
}
HEADINGS = ("store", "records last", "open in", *_POWERS, "read in place", "changes a batch")


@frozen
class Promises:
    """
    `name`: of the store in the table. `durable`: records outlive the process. `reach`: who can have
    it open at once. `powers`: the headings of the optional powers that it has. `readonly`: the
    command looks into it without altering it. `max_changes`: in one batch.
    """

    name: str
    durable: bool
    reach: str
    powers: frozenset[str]
    readonly: bool
    max_changes: int

    def cells(self) -> list[str]:
        """In the order of `HEADINGS`."""
        return [
            f"`{self.name}`",
            _yes(self.durable),
            self.reach,
            *(_yes(heading in self.powers) for heading in _POWERS),
            _yes(self.readonly),
            str(self.max_changes),
        ]


def promises_of(
    name: str, provider: ICookieStoreProvider, store: ICookieStore, on_disk: bool
) -> Promises:
    """
    :param store: open, from `provider`.
    :param on_disk: its bytes are in the file system of this machine.
    """
    return Promises(
        name,
        not provider.volatile,
        _reach(provider, on_disk),
        frozenset(heading for heading, power in _POWERS.items() if power.providedBy(store)),
        IReadOnlyProvider.providedBy(provider),
        max_changes_of(store),
    )


def as_row(cells: Iterable[str]) -> str:
    """A row of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def as_table(rows: Iterable[Promises]) -> str:
    """The table of `rows` in Markdown, in their order."""
    ruler = as_row(["---"] * len(HEADINGS)).replace(" ", "")
    return "\n".join([as_row(HEADINGS), ruler, *(as_row(row.cells()) for row in rows)])


def _reach(provider: ICookieStoreProvider, on_disk: bool) -> str:
    if provider.volatile or provider.exclusive:
        return "one process"
    return "one machine" if on_disk else "several machines"


def _yes(found: bool) -> str:
    return "yes" if found else "no"
