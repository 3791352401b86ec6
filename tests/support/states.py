"""Clients in every state that a connection can be in."""

from attrs import evolve
from autobahn.wamp.message import Challenge

from tests.support.protocols import Client, Router


def shaking_hands(router: Router) -> Client:
    """A client whose cookie is being stored, as it is where logins are not stored with cookies."""
    router.cookies.policy = evolve(router.cookies.policy, rotates=False)
    router.store.commits.shut()
    client = Client(router.factory).shake_hands()
    router.reactor.turn_until(router.store.commits.reached())
    return client


def connected(router: Router) -> Client:
    """One that has said nothing yet."""
    return router.connect()


def challenged(router: Router) -> Client:
    client = router.connect()
    client.hello()
    router.until(client, Challenge)
    return client


def examined(router: Router) -> Client:
    """One whose login is being stored."""
    client = challenged(router)
    arrived = router.store.commits.arrived
    router.store.commits.shut()
    client.authenticate()
    router.reactor.turn_until(router.store.commits.reached(arrived + 1))
    return client


def joined(router: Router) -> Client:
    return router.enter()


def left(router: Router) -> Client:
    client = router.enter()
    client.leave()
    return client


def joining_again(router: Router) -> Client:
    """One that has left, and logs in on the same connection."""
    client = left(router)
    client.hello("ann", ("ticket",))
    router.until(client, Challenge)
    return client


def logging_out(router: Router) -> Client:
    """One that waits for the answer to its logout."""
    client = router.enter()
    router.store.commits.shut()
    arrived = router.store.commits.arrived
    client.log_out()
    router.reactor.turn_until(router.store.commits.reached(arrived + 1))
    return client


def begun_to_end(router: Router) -> Client:
    """One that was revoked in this very turn."""
    client = router.enter()
    router.revoke(client)
    return client


def ending(router: Router) -> Client:
    """One that was revoked, which is being stored."""
    client = router.enter()
    arrived = router.store.commits.arrived
    router.store.commits.shut()
    router.revoke(client)
    router.reactor.turn_until(router.store.commits.reached(arrived + 1))
    return client


def ended(router: Router) -> Client:
    client = router.enter()
    router.revoke(client)
    router.until(client, 1000)
    return client


def aborted(router: Router) -> Client:
    client = ended(router)
    router.reactor.advance(2)
    return client


def closing(router: Router) -> Client:
    """One that has broken the protocol, and has not closed."""
    client = router.enter()
    client.protocol._fail_connection(1002, "broken")
    return client


def closed(router: Router) -> Client:
    """One that has sent Close, and does not read the answer."""
    client = router.enter()
    client.send_close()
    return client


STATES = [
    shaking_hands,
    connected,
    challenged,
    examined,
    joined,
    left,
    joining_again,
    logging_out,
    begun_to_end,
    ending,
    ended,
    aborted,
    closing,
    closed,
]
