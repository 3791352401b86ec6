"""A handshake as the tracker sees it: what it brought, and what it goes on with."""

from attrs import frozen

from cookietrack_plugin.record import Cookie


@frozen
class Visitor:
    """
    `presented`: the id of the cookie that came with the handshake, None without one. `peer` and
    `user_agent`: see `Cookie`.
    """

    presented: str | None
    peer: str | None = None
    user_agent: str | None = None


@frozen
class Admission:
    """
    `cookie`: the record to go on with. `limit`: see `Policy.limit`. `created`: it is new, and was
    handed out to this visitor.
    """

    cookie: Cookie
    limit: int
    created: bool
