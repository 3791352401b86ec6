"""What happens to cookies is published to all who subscribe, and is one line of the log."""

import pytest
from txaio.tx import set_global_log_level

from cookietrack_plugin.tracking.events import Event, Events, Kind


@pytest.fixture
def events():
    return Events()


def test_an_event_is_published_to_every_observer(events):
    first, second = [], []
    events.subscribe(first.append)
    events.subscribe(second.append)
    event = Event(Kind.CREATED, "id")
    events.publish(event)
    assert first == second == [event]


def test_those_who_unsubscribe_get_no_more(events):
    published = []
    events.subscribe(published.append)
    events.unsubscribe(published.append)
    events.unsubscribe(published.append)
    events.publish(Event(Kind.CREATED, "id"))
    assert published == []


def test_an_observer_may_unsubscribe_while_it_is_called(events):
    published = []

    def once(event):
        published.append(event)
        events.unsubscribe(once)

    events.subscribe(once)
    events.subscribe(published.append)
    events.publish(Event(Kind.CREATED, "id"))
    events.publish(Event(Kind.REVOKED, "id"))
    assert [event.kind for event in published] == [Kind.CREATED, Kind.CREATED, Kind.REVOKED]


def test_what_a_client_chose_is_no_format(events, log):
    events.publish(Event(Kind.AUTHENTICATED, "the-id", "{kind}", detail="}{"))
    assert log.lines == [("info", "cookie authenticated id=the-id authid={kind} detail=}{")]


def test_what_a_client_chose_begins_no_line_of_its_own(events, log):
    events.publish(Event(Kind.AUTHENTICATED, "the-id", "joe\ncookie revoked id=x"))
    [(_, line)] = log.lines
    assert "\n" not in line


def test_what_a_client_chose_is_not_as_long_as_it_likes(events, log):
    events.publish(Event(Kind.DENIED, "the-id", "x" * 100_000, "\n" * 100_000))
    [(_, line)] = log.lines
    assert len(line) < 2000
    assert "authid=" + "x" * 100 in line


STRANGERS = [Kind.CREATED, Kind.ROTATED, Kind.REFUSED]


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_is_one_line_of_the_log_with_all_that_is_known(events, log, kind):
    events.publish(Event(kind, "the-id", "joe", "realm1", "ticket"))
    level = "debug" if kind in STRANGERS else "info"
    assert log.lines == [
        (level, f"cookie {kind.value} id=the-id authid=joe authrealm=realm1 detail=ticket")
    ]


@pytest.mark.parametrize("level", ["info", "warn"])
def test_what_strangers_cause_does_not_fill_up_the_log(events, log, level):
    set_global_log_level(level)
    try:
        for kind in Kind:
            events.publish(Event(kind, "the-id"))
    finally:
        set_global_log_level("debug")
    written = [kind for kind in Kind if kind not in STRANGERS] if level == "info" else []
    assert [text for _, text in log.lines] == [f"cookie {kind.value} id=the-id" for kind in written]


def test_what_is_not_known_is_left_out(events, log):
    events.publish(Event(Kind.REVOKED, None, "joe"))
    assert log.lines == [("info", "cookie revoked authid=joe")]
    [event] = log.events
    assert (event["kind"], event["authid"]) == ("revoked", "joe")
    assert "id" not in event
