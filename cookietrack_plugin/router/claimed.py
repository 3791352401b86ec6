"""What counts of what a client says of itself in HELLO."""

from typing import Any

from autobahn.wamp.exception import ProtocolError
from autobahn.wamp.message import Hello

from cookietrack_plugin.config.authextra import without_keys, without_lifetime

# Crossbar takes it from every client for the transport of a proxy's (`crossbar.router.session`).
_TRANSPORT = "transport"
# Keys under which Crossbar describes connections.
_OF_CROSSBAR = "x_cb_"
# Our keys about logins.
_OURS = "cookietrack_"


def claimed_identity(hello: Hello) -> tuple[str | None, str | None]:
    """
    Who the client says that it is.

    :raises ProtocolError: the HELLO has half of a surrogate pair, as JSON can say: Crossbar could
        send no answer that repeats it, and the client would wait for one.
    """
    texts = hello.authid, hello.realm, hello.authrole, *(hello.authmethods or ())
    try:
        "".join(filter(None, texts)).encode()
    except UnicodeEncodeError:
        raise ProtocolError("a text in HELLO is no Unicode") from None
    return hello.authid, hello.realm


def claimed_extra(extra: dict[str, Any] | None) -> dict[str, Any] | None:
    """
    The `authextra` of a HELLO as it counts. Some authenticators repeat what their client says: a
    static ticket does. So lifetimes, which are an authenticator's to say, are taken out, and what
    describes the connection: session details would show another peer and another cookie.
    """
    return without_connection(without_lifetime(extra))


def unproven_extra(extra: dict[str, Any] | None) -> dict[str, Any] | None:
    """The same for a transport without a gate: the client must not say when its user logged in."""
    return without_keys(claimed_extra(extra), _is_ours)


def without_connection(extra: dict[str, Any] | None) -> dict[str, Any] | None:
    """`extra` without what describes a connection; the same where there is nothing of that."""
    return without_keys(extra, _is_of_connection)


def _is_ours(key: object) -> bool:
    return str(key).startswith(_OURS)


def _is_of_connection(key: object) -> bool:
    # Keys need not be strings where a client speaks CBOR or MessagePack.
    return key == _TRANSPORT or str(key).startswith(_OF_CROSSBAR)
