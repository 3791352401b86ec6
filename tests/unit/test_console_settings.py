"""Where a console may stand: behind a guard for operators, and nowhere else."""

import subprocess
from types import SimpleNamespace
from typing import Any

import pytest
from crossbar.common.checkconfig import InvalidConfigException
from twisted.internet.defer import Deferred, succeed

from cookietrack_plugin.config.check import check_node
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.router.configwarnings import config_warnings, with_warnings
from cookietrack_plugin.router.console import service as console_service
from cookietrack_plugin.router.guard import service as guard_service
from cookietrack_plugin.router.guard.request import Guards
from cookietrack_plugin.router.personalities.standalone import Personality
from tests.support import configs
from tests.support.reactor import FakeReactor

COOKIE = {"store": {"type": "memory"}, "path": "/"}
CONSOLE: dict[str, Any] = {"type": "cookietrack-console"}
OPERATORS = {"roles": ["user"]}


def guard(path: Any = CONSOLE, **item: Any) -> dict[str, Any]:
    return {
        "type": "cookietrack-guard",
        "cookie": COOKIE,
        "allow": OPERATORS,
        "path": path,
        **item,
    }


def node(**paths: Any) -> dict[str, Any]:
    websocket = {"type": "websocket", "cookie": COOKIE, "auth": configs.LOGIN}
    web = configs.websocket(8080, auth=None) | {"type": "web", "paths": {"ws": websocket, **paths}}
    return configs.router(web)


RIGHT = [
    guard(),
    guard(allow={"authids": ["alice"], "realms": ["realm1"]}),
    guard(CONSOLE | {"id": "console"}),
    guard({"type": "path", "paths": {"/": CONSOLE, "files": {"type": "static", "directory": "."}}}),
    guard(guard(allow={})),
    guard(guard(csrf="off")),
    {"type": "path", "paths": {"console": guard()}},
]
WRONG = [
    (CONSOLE, 'as the "path" of a cookietrack-guard, which says who is an operator'),
    ({"type": "path", "paths": {"x": CONSOLE}}, "found it without one"),
    (guard(allow={}), '"roles" or "authids" before a cookietrack-console, found neither'),
    (guard(allow={"realms": ["realm1"]}), '"roles" or "authids"'),
    (guard(csrf="off"), '"csrf" in the guard item: expected "on"'),
]


@pytest.mark.parametrize("service", RIGHT)
def test_behind_a_guard_for_operators_it_is_right(service: Any) -> None:
    Personality.check_config(Personality, node(console=service))


@pytest.mark.parametrize(("service", "message"), WRONG)
def test_elsewhere_it_is_refused(service: Any, message: str) -> None:
    with pytest.raises(InvalidConfigException) as caught:
        Personality.check_config(Personality, node(console=service))
    assert message in str(caught.value)
    assert "worker001/transport001/console" in str(caught.value)


def test_beside_a_guard_at_the_root_it_is_refused() -> None:
    with pytest.raises(ConfigError, match="found it without one"):
        check_node(node(**{"/": guard({"type": "static", "directory": "."}), "console": CONSOLE}))


def test_it_has_no_options() -> None:
    with pytest.raises(InvalidConfigException, match="store"):
        Personality.check_config(Personality, node(console=guard(CONSOLE | {"store": {}})))


def test_pages_of_other_origins_are_warned_of() -> None:
    found = check_node(node(console=guard(cors=["https://app.example"])))
    assert [each for each in found if "https://app.example" in each] != []
    assert not any("operator" in each for each in check_node(node(console=guard())))


class TestAtTheStart:
    @pytest.fixture
    def transport(self, monkeypatch: pytest.MonkeyPatch, reactor: FakeReactor) -> Any:
        opened: Deferred[None] = Deferred()
        awaited = SimpleNamespace(
            started=lambda: succeed(None), opened=lambda: opened, store=None, refusal=None
        )
        stores = SimpleNamespace(
            awaited=lambda options: awaited, reactor=reactor, trackers=dict, causes=dict
        )
        for module in (guard_service, console_service):
            monkeypatch.setattr(module, "open_stores", lambda cbdir: stores)
        extra = SimpleNamespace(worker="worker001")
        worker = SimpleNamespace(personality=Personality, config=SimpleNamespace(extra=extra))
        templates = SimpleNamespace(get_template=lambda name: None)
        return SimpleNamespace(
            worker=worker,
            cbdir="/",
            prepared={},
            guards=Guards(),
            templates=templates,
            _worker=SimpleNamespace(_templates=templates),
        )

    def start(self, transport: Any, item: Any) -> Any:
        """What comes of it when Crossbar starts a service, at run time too."""
        found: list[Any] = []
        create = Personality.WEB_SERVICE_FACTORIES[item["type"]].create
        try:
            found.append(create(transport, "console", item))
        except InvalidConfigException as error:
            return error
        if isinstance(found[0], Deferred):
            found.pop().addBoth(found.append)
        return found[0]

    @pytest.mark.parametrize("item", [guard(), guard(guard(allow={})), RIGHT[3]])
    def test_behind_a_guard_it_is_made(self, transport: Any, item: Any) -> None:
        assert self.start(transport, item).config == item

    def test_by_itself_it_is_not(self, transport: Any) -> None:
        assert "found it without one" in str(self.start(transport, CONSOLE))

    @pytest.mark.parametrize("item", [guard(allow={}), guard(csrf="off")])
    def test_behind_another_guard_it_is_not(self, transport: Any, item: Any) -> None:
        failure = self.start(transport, item)
        assert failure.check(InvalidConfigException)
        assert "every" in str(failure.value)

    def test_what_is_beside_is_not_behind(self, transport: Any) -> None:
        beside = {"type": "path", "paths": {"a": guard(), "b": CONSOLE}}
        assert self.start(transport, beside).check(InvalidConfigException)


def test_workers_know_the_warnings_of_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    content = node(console=guard(cors=["https://app.example"]))
    env = with_warnings({"inherit": True, "vars": {"A": "1"}}, content)
    assert (env["inherit"], env["vars"]["A"]) == (True, "1")
    for name, value in env["vars"].items():
        monkeypatch.setenv(name, value)
    assert config_warnings() == check_node(content)


def test_more_warnings_than_a_process_can_be_started_with_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beyond = {
        "long" * 1000 + str(number): guard(cors=["https://a.example"]) for number in range(60)
    }
    content = node(**beyond)
    env = with_warnings({}, content)
    subprocess.run(["true"], env=env["vars"], check=True)
    monkeypatch.setenv(*next(iter(env["vars"].items())))
    *shown, rest = config_warnings()
    found = check_node(content)
    assert shown == found[: len(shown)]
    assert rest == f"{len(found) - len(shown)} more: see crossbar-cookietrack check"


def test_of_a_configuration_without_warnings_there_are_none() -> None:
    assert with_warnings({"vars": {}}, configs.router()) == {"vars": {}}
    assert with_warnings({}, None) == {}
    assert with_warnings({}, node(console=CONSOLE)) == {}
