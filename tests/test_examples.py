"""The node directories in `node_examples/`, as a reader of their READMEs would use them."""

from pathlib import Path

import pytest

from cookietrack_plugin.router.personalities.standalone import Personality
from tests.support.client import Clients, Session
from tests.support.examples import EXAMPLES, Example, together

# What READMEs export, and what `make demo` sets.
SET = {"PORT": "8080", "COOKIE_DB_PASSWORD": "secret", "COOKIE_REDIS_PASSWORD": "secret"}


@pytest.mark.parametrize(
    "name",
    [
        *("memory", "file", "lmdb", "proxy", "demo", "hardened", "observability"),
        *("sql", "redis", "cluster/one", "cluster/two"),
    ],
)
def test_the_check_accepts_the_example_as_it_stands(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in SET.items():
        monkeypatch.setenv(variable, value)
    config = EXAMPLES / name / ".crossbar" / "config.json"
    Personality.check_config_file(Personality, str(config))


@pytest.mark.node
def test_the_examples_recognise_a_client_that_comes_back_and_keep_a_login_until_the_logout(
    tmp_path: Path, clients: Clients
) -> None:
    """A login outlives a restart, on the stores that keep it on the disk."""
    memory, *durable = [Example(name, tmp_path / name) for name in ("memory", "file", "lmdb")]
    with together(tmp_path / "node", memory, *durable):
        first = clients.open(memory.url())
        again = clients.open(memory.url(), first.cookie)
        other = clients.open(memory.url())
        assert "HttpOnly" in first.set_cookie
        assert first.authid == again.authid != other.authid
        assert again.set_cookie is None
        cookies = [log_in(clients, each).cookie for each in durable]
    with together(tmp_path / "node", memory, *durable):
        for example, cookie in zip(durable, cookies, strict=True):
            again = clients.login(example.url(), cookie=cookie)
            assert (again.authid, again.authprovider) == ("alice", "cookie")
            assert not again.challenged
            again.leave("wamp.close.logout")
            late = clients.login(example.url(), cookie=cookie)
            assert late.challenged
            assert late.cookie != cookie


def log_in(clients: Clients, example: Example) -> Session:
    client = clients.login(example.url())
    assert client.challenged
    return client


@pytest.mark.node
def test_in_the_proxy_example_a_login_at_one_door_is_good_at_the_other(
    tmp_path: Path, clients: Clients
) -> None:
    example = Example("proxy", tmp_path)
    with example.running():
        for entered, used in ((8080, 8081), (8081, 8080)):
            first = clients.login(example.url(entered))
            again = clients.login(example.url(used), cookie=first.cookie)
            assert (first.challenged, again.challenged) == (True, False)
            again.leave("wamp.close.logout")
            assert clients.login(example.url(entered), cookie=first.cookie).challenged
