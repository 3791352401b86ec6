"""`router/fast` stands in for methods of Autobahn that it knows, and for no others."""

import linecache
from importlib.metadata import version
from types import SimpleNamespace

import pytest
from autobahn.wamp import serializer
from crossbar.router.protocol import WampWebSocketServerProtocol

from cookietrack_plugin.router.fast import compared
from cookietrack_plugin.router.fast.compared import JSON, TRAFFIC, changed, digest_of, noted
from cookietrack_plugin.router.fast.traffic import QuickProtocol


@pytest.mark.parametrize(
    ("module", "owner", "known"),
    [("traffic", WampWebSocketServerProtocol, TRAFFIC), ("jsontext", serializer, JSON)],
)
def test_this_autobahn_is_known(module, owner, known):
    found = {name: digest_of(getattr(owner, name)) for name in changed(owner, known)}
    assert not found, (
        f"Autobahn {version('autobahn')} has other code than router/fast/{module}.py stands in for,"
        f" which is therefore off. Compare each with its older form, bring {module}.py up to date"
        f" if it does something else, and add its digest to router/fast/compared.py: {found}"
    )


def test_every_method_that_is_stood_in_for_is_compared():
    own = {name for name in vars(QuickProtocol) if hasattr(WampWebSocketServerProtocol, name)}
    assert {name for name in own if not name.startswith("__")} == set(TRAFFIC)


class Shy(WampWebSocketServerProtocol):
    def send(self, msg):
        """Another one."""


def test_a_method_with_another_source_is_found():
    assert list(changed(Shy, TRAFFIC)) == ["send"]


def test_a_method_that_is_gone_is_found():
    assert set(changed(object, TRAFFIC)) == set(TRAFFIC)


def test_what_is_found_is_told_once(monkeypatch):
    told = []
    logger = SimpleNamespace(info=lambda text, **fields: told.append(text.format(**fields)))
    monkeypatch.setattr(compared, "make_logger", lambda: logger)
    assert noted(WampWebSocketServerProtocol, TRAFFIC) == ()
    assert told == []
    assert noted(Shy, TRAFFIC) == ("send",)
    [line] = told
    assert "other code than the plugin knows (send)" in line


def test_comments_and_indentation_make_no_difference():
    plain = compiled("def send(self, msg):\n    return msg\n")
    other = compiled("def send(self, msg):\n        # Why.\n\n        return msg\n")
    third = compiled("def send(self, msg):\n    return None\n")
    assert digest_of(plain) == digest_of(other) != digest_of(third)


def test_without_a_source_nothing_is_known():
    assert digest_of(len) is None


@pytest.fixture(autouse=True)
def no_sources_left():
    yield
    for name in [name for name in linecache.cache if name.startswith("<compared")]:
        del linecache.cache[name]


def compiled(source):
    """A function, of which `inspect` finds the source."""
    name = f"<compared {hash(source)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    names = {}
    exec(compile(source, name, "exec"), names)  # noqa: S102
    return names["send"]
