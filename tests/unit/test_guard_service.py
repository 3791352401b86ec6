"""How a guard comes to stand on a Web transport."""

from types import SimpleNamespace

import pytest
from crossbar.common.checkconfig import InvalidConfigException
from crossbar.common.twisted.web import Site
from twisted.internet.defer import succeed
from twisted.web.resource import Resource

from cookietrack_plugin.router import webservice
from cookietrack_plugin.router.guard import service as guard_service
from cookietrack_plugin.router.guard.request import Guards, let_guards_in
from cookietrack_plugin.router.guard.service import GuardService
from cookietrack_plugin.router.personalities.standalone import Personality
from tests.support.guarded import Browser, Inner

COOKIE = {"store": {"type": "memory"}}
ITEM = {"type": "cookietrack-guard", "cookie": COOKIE, "path": {"type": "json", "value": 1}}


@pytest.fixture
def transport(monkeypatch):
    awaited = SimpleNamespace(started=lambda: succeed(None), store=None)
    stores = SimpleNamespace(awaited=lambda options: awaited)
    monkeypatch.setattr(guard_service, "open_stores", lambda cbdir: stores)
    worker = SimpleNamespace(personality=Personality)
    templates = SimpleNamespace(get_template=lambda name: None)
    return SimpleNamespace(
        worker=worker, cbdir="/", prepared={}, guards=Guards(), templates=templates
    )


def made(transport, path="admin", item=ITEM):
    found = []
    GuardService.create(transport, path, item).addBoth(found.append)
    return found[0]


def test_it_is_made_with_the_service_behind_it(transport):
    service = made(transport)
    assert transport.guards.present
    assert service.resource.guarded._data == b"1"
    assert (service.path, service.config) == ("admin", ITEM)


def test_what_is_started_at_run_time_is_checked(transport):
    failure = made(transport, item={**ITEM, "csrf": 1})
    assert failure.check(InvalidConfigException)
    assert not transport.guards.present


def test_one_that_was_prepared_is_taken_once(transport):
    service = made(transport)
    transport.prepared["admin"] = webservice.Prepared(ITEM, service)
    assert made(transport, item={**ITEM, "id": "webservice001"}) is service
    assert made(transport) is not service


def site(root, options=(), guards=None):
    site = Site(root, **dict(options))
    let_guards_in(site, dict(options), guards or Guards())
    return site


@pytest.mark.parametrize(
    "config",
    [
        ITEM,
        {"type": "path", "paths": {"x": ITEM}},
        {"type": "path", "paths": {"/": {"type": "path", "paths": {"y": ITEM}}}},
    ],
)
def test_until_crossbar_starts_it_its_path_is_closed(transport, config):
    root = Resource()
    found = []
    paths = {"/": ITEM, "admin": config, "open": ITEM["path"]}
    service = SimpleNamespace(resource=root)
    webservice.prepare(transport, paths, service).addBoth(found.append)
    assert found == [{}]
    assert list(root.children) == [b"admin"]
    response = Browser(site(root)).send("GET /admin/x HTTP/1.1").response
    assert (response.status, response["retry-after"]) == (503, "5")


def test_strict_transport_security_stays(transport):
    root = Resource()
    root.putChild(b"open", Inner())
    options = {"hsts": True, "hsts_max_age": 5}
    response = Browser(site(root, options)).send("GET /open HTTP/1.1").response
    assert response["strict-transport-security"] == "max-age=5"


def test_without_a_guard_a_transport_is_as_it_was(transport):
    root = Resource()
    root.putChild(b".", inner := Inner())
    assert Browser(site(root)).send("GET /./x HTTP/1.1").response.status == 200
    body = b"x" * 200_000
    browser = Browser(site(root)).send("POST /./x HTTP/1.1", "Content-Length: 200000", body=body)
    assert browser.response.status == 200
    assert inner.bodies[-1] == body
