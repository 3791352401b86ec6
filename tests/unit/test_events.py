"""What happens to cookies is told to all who want to know, and written down once."""

import pytest

from cookietrack_plugin.tracking.events import Event, Events, Kind


@pytest.fixture
def events():
    return Events()


def test_an_event_is_told_to_every_observer(events):
    first, second = [], []
    events.observe(first.append)
    events.observe(second.append)
    event = Event(Kind.CREATED, "id")
    events.tell(event)
    assert first == second == [event]


def test_who_has_had_enough_is_told_no_more(events):
    told = []
    events.observe(told.append)
    events.forget(told.append)
    events.forget(told.append)
    events.tell(Event(Kind.CREATED, "id"))
    assert told == []


def test_an_observer_may_go_while_it_is_told(events):
    told = []

    def once(event):
        told.append(event)
        events.forget(once)

    events.observe(once)
    events.observe(told.append)
    events.tell(Event(Kind.CREATED, "id"))
    events.tell(Event(Kind.REVOKED, "id"))
    assert [event.kind for event in told] == [Kind.CREATED, Kind.CREATED, Kind.REVOKED]


def test_what_a_client_chose_is_no_format(events, log):
    events.tell(Event(Kind.AUTHENTICATED, "the-id", "{kind}", detail="}{"))
    assert log.lines == [("info", "cookie authenticated id=the-id authid={kind} detail=}{")]


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_is_one_line_of_the_log_with_all_that_is_known(events, log, kind):
    events.tell(Event(kind, "the-id", "joe", "realm1", "ticket"))
    assert log.lines == [
        ("info", f"cookie {kind.value} id=the-id authid=joe authrealm=realm1 detail=ticket")
    ]
