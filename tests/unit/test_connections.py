"""Live connections by cookie: none is forgotten, none is kept."""

from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.testing.samples import NOW, make_cookie
from cookietrack_plugin.tracking.connections import Connections, Live
from tests.support.connections import FakeConnection

POLICY = Policy(max_age=60)


def live(number: int = 1, limit: int = NOW, fresh: bool = False, expires: int = NOW) -> Live:
    return Live(make_cookie(number, expires=expires), POLICY, limit, fresh, None)


ID = live().cookie.id


def test_connections_are_counted_for_each_cookie():
    connections = Connections()
    assert connections.add(live(1), FakeConnection()) == 1
    assert connections.add(live(1), FakeConnection()) == 2
    assert connections.add(live(2), FakeConnection()) == 1
    assert len(connections) == 2
    assert list(connections) == [live(1).cookie.id, live(2).cookie.id]


def test_one_that_is_added_twice_is_there_once():
    connections, connection = Connections(), FakeConnection()
    connections.add(live(), connection)
    assert connections.add(live(), connection) == 1
    assert connections.of(ID) == [connection]


def test_the_latest_handshake_knows_the_record_best():
    connections = Connections()
    connections.add(live(expires=NOW), FakeConnection())
    connections.add(live(expires=NOW + 5), FakeConnection())
    assert connections.live(ID).cookie.expires == NOW + 5


def test_the_farthest_limit_counts():
    connections = Connections()
    connections.add(live(limit=5), FakeConnection())
    connections.add(live(limit=7), FakeConnection())
    connections.add(live(limit=6), FakeConnection())
    assert connections.live(ID).limit == 7


def test_a_dropped_connection_is_gone_and_with_the_last_one_the_cookie():
    connections, first, second = Connections(), FakeConnection(), FakeConnection()
    connections.add(live(), first)
    connections.add(live(), second)
    assert connections.drop(ID, first) == 1
    assert connections.of(ID) == [second]
    assert connections.drop(ID, second) == 0
    assert len(connections) == 0
    assert connections.live(ID) is None


def test_dropping_one_that_is_not_known_is_quiet():
    connections, connection = Connections(), FakeConnection()
    assert connections.drop(ID, connection) == 0
    connections.add(live(), connection)
    assert connections.drop(ID, FakeConnection()) == 1
    connections.drop(ID, connection)
    assert connections.drop(ID, connection) == 0


def test_who_takes_the_connections_has_them_and_nobody_else():
    connections, connection = Connections(), FakeConnection()
    connections.add(live(), connection)
    assert connections.take(ID) == [connection]
    assert connections.take(ID) == connections.of(ID) == []
    assert len(connections) == 0


def test_what_is_asked_of_an_unknown_cookie_is_empty():
    connections = Connections()
    assert connections.of(ID) == []
    assert connections.take(ID) == []
    assert connections.live(ID) is None


def test_the_ids_can_be_walked_while_connections_go():
    connections = Connections()
    for number in range(3):
        connections.add(live(number), FakeConnection())
    for id in connections:
        connections.take(id)
    assert len(connections) == 0


def test_a_cookie_was_heard_of_when_the_latest_of_its_connections_was():
    connections = Connections()
    for heard in (3, 9, 6):
        connections.add(live(), FakeConnection(last_heard=heard))
    assert connections.live(ID).last_heard() == 9
    assert live().last_heard() == 0
