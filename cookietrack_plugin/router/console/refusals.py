"""Errors that the console's API answers."""


class Refused(Exception):
    """A request is refused. `code`: the HTTP status. The message is for the client."""

    code = 400


class WrongQuery(Refused):
    """Something in the query, or in the body, is not as expected."""


class NotFound(Refused):
    """There is no such thing."""

    code = 404


class WrongMethod(Refused):
    """
    The resource does not have this method.

    :param allowed: the methods that it has.
    """

    code = 405

    def __init__(self, allowed: str) -> None:
        super().__init__(f"expected the method {allowed}, found another")
        self.allowed = allowed


class TooLarge(Refused):
    """A body is too large."""

    code = 413


class WrongType(Refused):
    """A body's type is not JSON's."""

    code = 415


class TooMany(Refused):
    """There are as many as there may be."""

    code = 503
