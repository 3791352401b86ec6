"""Lists of sessions, a page at a time, as the console shows them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from attrs import evolve

from benchmarks import servers, stock, stored
from benchmarks.bench import OURS, Bench
from benchmarks.figure import Figure, Target
from benchmarks.registry import benchmark
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Auth, as_mapping
from cookietrack_plugin.router.console.sessions import MAX_PAGE, PAGE
from cookietrack_plugin.search.devicename import device_name
from cookietrack_plugin.search.page import SearchPage, search_page
from cookietrack_plugin.search.selection import Selection

SIZE = 1_000_000
# Of one user, among the others.
OWN = 10_000
FURTHER = 20
MANY = Auth("many", "user", "ticket", "realm1")
ROLE, NETWORK = "operator", "198.51.100.0/24"
UNDER_A_SECOND = Target("≤", 1000)


@benchmark("pages", "Pages of a list of 1,000,000 sessions", servers=True)
def measure(bench: Bench) -> list[Figure]:
    """
    What a request of the console for a page of 50 sessions takes in the store, with the names of
    their devices. The stores are `lmdb`, and a PostgreSQL and a Redis of the benchmark's own. A
    page is one of all sessions, of those of a user who has 10,000, or of a filter that finds
    nothing. Filters give up after a quarter of a second. The first page, and the slowest of 20
    further ones.
    """
    size = bench.size(SIZE)
    # As the console does when it starts.
    device_name(stored.BROWSER)
    with servers.postgresql() as (_, sql), servers.redis() as (_, redis):
        stores = {"lmdb": OURS["lmdb"], "PostgreSQL": sql, "Redis": redis}
        stock.supply(bench, {"lmdb": OURS["lmdb"]}, size)
        bench.tell("filling PostgreSQL and Redis")
        stock.fill_all(
            stock.Filling(stores[label], bench.place(label), size)
            for label in ("PostgreSQL", "Redis")
        )
        with ExitStack() as stack:
            opened = {
                label: stack.enter_context(stored.opened(options, bench.place(label)))
                for label, options in stores.items()
            }
            for store in opened.values():
                _give_one_user_many(store, bench.size(OWN), size)
            return list(_figures(bench, opened))


def _give_one_user_many(store: ICookieStore, count: int, first: int) -> None:
    for start in range(first, first + count, stored.FILLING):
        numbers = range(start, min(start + stored.FILLING, first + count))
        stored.create(store, [evolve(stored.visited(number), auth=MANY) for number in numbers])


def _figures(bench: Bench, stores: Mapping[str, ICookieStore]) -> Iterator[Figure]:
    selections = {
        "all": Selection(),
        "a user's": Selection.parse({"authid": MANY.authid, "authrealm": MANY.authrealm}),
        "none, by role": Selection.parse({"authrole": ROLE}),
        "none, by address": Selection.parse({"peer": NETWORK}),
    }
    for what, selection in selections.items():
        for metric, measured in (("first page", _first), ("a further page", _further)):
            yield from _compared(bench, f"{what}, {metric}", stores, selection, measured)


def _compared(
    bench: Bench,
    metric: str,
    stores: Mapping[str, ICookieStore],
    selection: Selection,
    measured: Callable[[ICookieStore, Selection], float],
) -> Iterator[Figure]:
    cases = {
        label: lambda store=store: measured(store, selection) for label, store in stores.items()
    }
    for label, values in bench.interleaved(cases).items():
        yield Figure(metric, label, "ms", values, target=UNDER_A_SECOND)


def _first(store: ICookieStore, selection: Selection) -> float:
    return _page(store, selection, None)[0]


def _further(store: ICookieStore, selection: Selection) -> float:
    """The slowest."""
    _, page = _page(store, selection, None)
    slowest = 0.0
    for _ in range(FURTHER):
        if page.cursor is None:
            break
        took, page = _page(store, selection, page.cursor)
        slowest = max(slowest, took)
    return slowest


def _page(
    store: ICookieStore, selection: Selection, cursor: str | None
) -> tuple[float, SearchPage]:
    found: list[SearchPage] = []

    def ask() -> None:
        page = search_page(store, selection, stored.EPOCH, cursor, PAGE)
        _shown(page)
        found.append(page)

    return stored.seconds(ask) * 1000, found[0]


def _shown(page: SearchPage) -> list[dict[str, Any]]:
    assert len(page.cookies) <= MAX_PAGE
    return [
        {**as_mapping(cookie), "device": device_name(cookie.user_agent)} for cookie in page.cookies
    ]
