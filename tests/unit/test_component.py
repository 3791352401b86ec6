"""The WAMP procedures, without WAMP."""

from threading import get_ident

import pytest
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import ComponentConfig

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.router.component import CookieAdministration


class Stores:
    """A worker's stores, of which one is open."""

    def __init__(self, tracker):
        self._tracker = tracker

    def trackers(self):
        return {"only": self._tracker}


@pytest.fixture
def component(tracked):
    component = CookieAdministration(ComponentConfig("realm1", {}))
    component._stores = Stores(tracked.tracker)
    return component


def test_what_has_expired_and_is_not_swept_yet_is_not_there(tracked, component):
    ask = tracked.reactor.result_of
    id, client = tracked.visit()
    tracked.log_in(id)
    tracked.settle(id)
    tracked.tracker.drop(id, client)
    assert [each["id"] for each in ask(component.list_cookies())] == [id]
    assert ask(component.count(authid="joe")) == 1
    assert ask(component.get_cookie(id))["authid"] == "joe"
    tracked.store.expire_error = StoreUnavailable("nobody sweeps")
    tracked.reactor.advance(86_400)
    assert id in tracked.store.cookies
    assert ask(component.list_cookies()) == []
    assert ask(component.count(authid="joe")) == 0
    assert ask(component.get_cookie(id)) is None


def test_a_store_is_never_asked_for_a_scan_on_the_reactors_thread(tracked, component, monkeypatch):
    asked = []

    def scan(authid=None, authrealm=None):
        asked.append(get_ident())
        return iter(())

    monkeypatch.setattr(tracked.store, "scan", scan)
    assert tracked.reactor.result_of(component.list_cookies()) == []
    assert tracked.reactor.result_of(component.count(authid="joe")) == 0
    assert len(asked) == 2
    assert get_ident() not in asked


def test_callers_do_not_read_what_ails_the_store(tracked, component, monkeypatch):
    def stat():
        raise StoreUnavailable("/srv/cookies: no answer from db.internal")

    monkeypatch.setattr(tracked.store, "stat", stat)
    with pytest.raises(ApplicationError) as caught:
        tracked.reactor.result_of(component.procedures()["stat"]())
    assert caught.value.error == "cookietrack.error.store_unavailable"
    assert caught.value.args == ("the cookie store cannot answer now",)


def test_what_is_wrong_with_the_call_is_told(tracked, component):
    with pytest.raises(ApplicationError) as caught:
        tracked.reactor.result_of(component.procedures()["get"]("short"))
    assert caught.value.error == "wamp.error.invalid_argument"
