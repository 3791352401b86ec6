"""What every check needs: the store under test, and what its author says about it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NoReturn, get_args

import pytest
from zope.interface import Interface

from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider
from cookietrack_plugin.record import Create
from cookietrack_plugin.testing.bulk import fill
from cookietrack_plugin.testing.process import StoreProcess
from cookietrack_plugin.testing.samples import make_auth, make_cookie

OpenStore = Callable[[], ICookieStore]
StartProcess = Callable[[], StoreProcess]
Power = Literal[
    "sharing", "feed", "user_revocation", "damage", "foreign", "limit", "faults", "place"
]


class StoreCase:
    """
    The base of all checks. A suite sets `provider` and `options`; the rest has a default.

    Where the options are known at run time alone (a server on a free port), override the fixture
    `store_options` instead of setting `options`.
    """

    #: What the entry point names: gives an `ICookieStoreProvider` when called.
    provider: ClassVar[Callable[[], Any]]

    #: A valid `store` item, `type` included, with every option that the store knows.
    options: ClassVar[Mapping[str, Any]]

    #: Whether the records are there again after close() and open().
    durable: ClassVar[bool] = False

    #: More `store` items that `check` has to refuse, each with the attribute that it has to name.
    wrong_options: ClassVar[Sequence[tuple[str, Mapping[str, Any]]]] = ()

    #: A valid `store` item with which the store is full after some megabytes.
    cramped_options: ClassVar[Mapping[str, Any] | None] = None

    #: What the store does not do, and why: the checks of it are skipped with that reason.
    #: "sharing": be open in several processes at once. "feed": report revocations. "damage": meet a
    #: record that it cannot decode. "user_revocation": revoke a user in one step. "foreign": meet
    #: data of something else. "limit": get full. "faults": have an engine that can fail. "place":
    #: have a place that can be taken away.
    lacks: ClassVar[Mapping[Power, str]] = {}

    def __init_subclass__(cls) -> None:
        if not isinstance(cls.lacks, Mapping):
            raise TypeError(f"{cls.__name__}.lacks: expected a mapping from a name to a reason")
        unknown = set(cls.lacks) - set(get_args(Power))
        if unknown:
            raise TypeError(f"{cls.__name__}.lacks: {unknown} are none of {get_args(Power)}")

    def damage(self, options: Mapping[str, Any], node_dir: Path, id: str) -> None:
        """Make the stored record `id` undecodable. No store is open."""
        pytest.skip("damage() is not overridden, nor does `lacks` say why")

    def plant(self, options: Mapping[str, Any], node_dir: Path) -> None:
        """Put something that is no store of this type where the store is going to be opened."""
        pytest.skip("plant() is not overridden, nor does `lacks` say why")

    def fill(self, store: ICookieStore) -> None:
        """Leave no room in `store`, which was opened with `cramped_options`: a commit is refused.

        By default this commits records. Override it where something else is to be filled.
        """
        fill(store)

    def break_store(self, options: Mapping[str, Any], node_dir: Path) -> None:
        """Make the engine, its disk or the network fail under the open store: commits fail."""
        pytest.skip("break_store() is not overridden, nor does `lacks` say why")

    def mend_store(self, options: Mapping[str, Any], node_dir: Path) -> None:
        """Undo `break_store`."""

    def take_away(self, options: Mapping[str, Any], node_dir: Path) -> None:
        """Remove, replace or empty what the open store is stored in."""
        pytest.skip("take_away() is not overridden, nor does `lacks` say why")

    def need(self, power: Power) -> None:
        """Skip the check that calls it where the store lacks `power`."""
        if power in self.lacks:
            pytest.skip(self.lacks[power])

    def need_interface(self, power: Power, store: ICookieStore, interface: type[Interface]) -> None:
        """The same where the power is an optional interface that `store` may provide."""
        self.need(power)
        if not interface.providedBy(store):
            name = interface.__name__
            pytest.skip(f"the store does not provide {name}, nor does `lacks` say why")

    def new_provider(self) -> ICookieStoreProvider:
        provider = getattr(type(self), "provider", None)
        if not callable(provider):
            self._refuse("provider", "a class or a function that gives a provider", provider)
        found: ICookieStoreProvider = provider()
        return found

    def new_options(self) -> Mapping[str, Any]:
        options = getattr(self, "options", None)
        if not isinstance(options, Mapping) or "type" not in options:
            self._refuse("options", "a store item with its type", options)
        return dict(options)

    def _refuse(self, attribute: str, expected: str, found: object) -> NoReturn:
        what = "nothing" if found is None else f"of type {type(found).__name__}"
        text = f"{type(self).__name__}.{attribute}: expected {expected}, found {what}"
        pytest.fail(text, pytrace=False)

    @pytest.fixture
    def node_dir(self, tmp_path: Path) -> Path:
        path = tmp_path / "node"
        path.mkdir()
        return path

    @pytest.fixture
    def store_options(self) -> Mapping[str, Any]:
        return self.new_options()

    @pytest.fixture
    def open_store(self, store_options: Mapping[str, Any], node_dir: Path) -> Iterator[OpenStore]:
        """Opens the store, again each time it is called; what is still open is closed later."""
        opened = []

        def open_store() -> ICookieStore:
            store = self.new_provider().open(store_options, str(node_dir))
            opened.append(store)
            return store  # type: ignore[return-value]

        yield open_store
        for store in opened:
            store.close()

    @pytest.fixture
    def store(self, open_store: OpenStore) -> ICookieStore:
        return open_store()

    @pytest.fixture
    def cramped_store(self, node_dir: Path) -> Iterator[ICookieStore]:
        """One with little room."""
        self.need("limit")
        if self.cramped_options is None:
            pytest.skip("`cramped_options` are not given, nor does `lacks` say why")
        store: Any = self.new_provider().open(self.cramped_options, str(node_dir))
        yield store
        store.close()

    @pytest.fixture
    def full_store(self, cramped_store: ICookieStore) -> ICookieStore:
        """One without room for a record, in which the records 0 to 9 are logged in as joe."""
        auths = [make_auth()] * 10
        cramped_store.commit([Create(make_cookie(n, auth)) for n, auth in enumerate(auths)])
        self.fill(cramped_store)
        return cramped_store

    @pytest.fixture
    def start_process(
        self, store_options: Mapping[str, Any], node_dir: Path
    ) -> Iterator[StartProcess]:
        """Starts processes that open the same store; those still there are killed later."""
        started = []

        def start_process() -> StoreProcess:
            process = StoreProcess(type(self).provider, store_options, str(node_dir))
            started.append(process)
            return process

        yield start_process
        for process in started:
            process.close()
