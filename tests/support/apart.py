"""Two nodes behind one server: their clocks are five minutes apart, their networks can fail."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, frozen

from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.interfaces import ICookieStore
from tests.support import clocks
from tests.support.link import Link
from tests.support.rude import RudeClient
from tests.support.sites import LOGIN, Door, Place, Site, opened
from tests.support.walkers import principals

if TYPE_CHECKING:
    # Their drivers are not there where the oldest Crossbar is tested.
    from servers.databases import PostgreSQL
    from servers.redises import RedisServer

BEHIND_S = 300
PATIENT_S = 120
# What a listener allows a user, by its name, which is the user's as well.
MAX_SESSIONS = 5
LIMITS = ("end_oldest", "deny")
WALKERS = 4
OTHERS = {"type": "static", "principals": principals(*LIMITS, walkers=WALKERS)}
OTHERS_LOGIN: dict[str, Any] = {"cookie": {}, "ticket": OTHERS}
DEMANDS: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, LOGIN),
    "patient": ({"idle_timeout": PATIENT_S}, LOGIN),
    "walked": ({}, OTHERS_LOGIN),
    **{
        name: ({"max_sessions": MAX_SESSIONS, "on_max_sessions": name}, OTHERS_LOGIN)
        for name in LIMITS
    },
}
# Seconds for every answer of the server, longer than any silence in the tests.
TIMEOUT_S = 5


@frozen
class Half:
    """A node, and its way to the server."""

    place: Place
    link: Link

    @property
    def doors(self) -> Mapping[str, Door]:
        names = ("router", "proxy")
        return dict(zip(names, self.place.doors, strict=True))

    @property
    def operator(self) -> RudeClient:
        return self.place.doors[0].observer.hands


@define
class Apart:
    """
    The first of the halves has the right time, as server and tests have; the second is late.
    `store`: the one behind both, opened by the tests. `entries`: how many its feed has.
    """

    site: Site
    halves: Sequence[Half]
    store: ICookieStore
    entries: Callable[[], int]

    def other(self, half: Half) -> Half:
        return next(each for each in self.halves if each is not half)


@contextmanager
def nodes_apart(
    item: dict[str, Any], server: "PostgreSQL | RedisServer", folder: Path
) -> Iterator[Apart]:
    """
    :param item: the `store` item, as of a node without a link.
    """
    port = server.port
    with ExitStack() as stack:
        halves = []
        late = clocks.environment(folder, -BEHIND_S)
        for name, env in (("right", {}), ("late", late)):
            link = Link(port)
            stack.callback(link.cut)
            url = item["url"].replace(f":{port}/", f":{link.port}/")
            near = {**item, "url": url, "timeout": TIMEOUT_S}
            place = Place(folder / name, near, f"{name} ", demands=DEMANDS, env=env)
            halves.append(Half(place, link))
        site = stack.enter_context(opened(item, [half.place for half in halves]))
        store = find_provider(item["type"]).open(item, str(folder))
        stack.callback(store.close)
        yield Apart(site, halves, store, partial(_entries, server, item))


def _entries(server: Any, item: dict[str, Any]) -> int:
    if item["type"] == "sql":
        database = item["url"].rpartition("/")[2]
        return server.execute("SELECT count(*) FROM cookietrack_revoked", database)[0][0]
    client = server.client()
    streams = client.scan_iter(f"*{item['prefix']}*", _type="stream")
    return sum(client.xlen(stream) for stream in streams)
