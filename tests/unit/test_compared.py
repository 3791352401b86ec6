"""`router/fast` stands in for methods of Autobahn that it knows, and for no others."""

import linecache
from importlib.metadata import version

import pytest
from crossbar.router.protocol import WampWebSocketServerProtocol

from cookietrack_plugin.router.fast.compared import KNOWN, changed, digest_of
from cookietrack_plugin.router.fast.traffic import QuickProtocol


def test_this_autobahn_is_known():
    found = {
        name: digest_of(getattr(WampWebSocketServerProtocol, name))
        for name in changed(WampWebSocketServerProtocol)
    }
    assert not found, (
        f"Autobahn {version('autobahn')} has other methods than router/fast/traffic stands in for,"
        " which is therefore off. Compare each with its older form, bring traffic.py up to date"
        f" where it does something else, and add its digest to router/fast/compared.py: {found}"
    )


def test_every_method_that_is_stood_in_for_is_compared():
    own = {name for name in vars(QuickProtocol) if hasattr(WampWebSocketServerProtocol, name)}
    assert {name for name in own if not name.startswith("__")} - {"_fail"} == set(KNOWN)


class Shy(WampWebSocketServerProtocol):
    def send(self, msg):
        """Another one."""


def test_a_method_with_another_source_is_found():
    assert list(changed(Shy)) == ["send"]


def test_a_method_that_is_gone_is_found():
    assert set(changed(object)) == set(KNOWN)


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
