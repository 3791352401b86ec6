"""`crossbar-cookietrack check --strict`: what is warned of is refused."""

import pytest
from crossbar.common.checkconfig import InvalidConfigException

from cookietrack_plugin.router import launcher
from cookietrack_plugin.router.personalities.standalone import Personality
from tests.support import configs

NAME = f"{Personality.__module__}.{Personality.__name__}"
UNSAFE = configs.router(configs.websocket(8080, {"store": {"type": "memory"}}))


@pytest.fixture
def started(monkeypatch):
    """What is handed to Crossbar: its arguments, and the personality."""
    from crossbar.node import main

    started = []

    def crossbar_main(prog, args, reactor, personality):
        started.append((args, personality))

    monkeypatch.setattr(main, "main", crossbar_main)
    monkeypatch.setattr(launcher, "_install_reactor", lambda: None)
    monkeypatch.setattr("sys.argv", ["crossbar-cookietrack"])

    def run(*args):
        with pytest.raises(SystemExit):
            launcher.run_node(NAME, list(args))
        return started[-1]

    return run


def test_crossbar_is_not_told_of_the_option(started):
    args, personality = started("check", "--strict", "--cbdir", "node")
    assert args == ["check", "--cbdir", "node"]
    assert personality.warnings_are_errors
    assert issubclass(personality, Personality)


@pytest.mark.parametrize("args", [["check"], ["start", "--strict"], ["start", "--cbdir", "check"]])
def test_without_it_nothing_is_strict(started, args):
    assert started(*args) == (args, Personality)
    assert not Personality.warnings_are_errors


def test_all_warnings_are_in_the_error(started, log):
    _, strict = started("check", "--strict")
    with pytest.raises(InvalidConfigException) as caught:
        strict.check_config(strict, UNSAFE)
    first, *warnings = str(caught.value).splitlines()
    assert first.endswith("warnings are errors here:")
    assert [each.partition(": ")[0] for each in warnings] == ["worker001/transport001"] * 2
    Personality.check_config(Personality, UNSAFE)
    assert log.at("warn") == warnings


def test_what_crossbar_refuses_comes_first(started):
    _, strict = started("check", "--strict")
    with pytest.raises(InvalidConfigException, match="bogus"):
        strict.check_config(strict, {**UNSAFE, "bogus": 1})


def test_what_has_no_warning_is_accepted(started):
    _, strict = started("check", "--strict")
    strict.check_config(strict, configs.router(configs.websocket(8080, auth=None)))
