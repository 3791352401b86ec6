"""Why a request to the console's API is not done."""


class Refused(Exception):
    """`code`: the HTTP status. The message is for the client."""

    code = 400


class WrongQuery(Refused):
    """Something in the query, or in the body, is not as expected."""


class NotFound(Refused):
    """There is no such thing."""

    code = 404


class WrongMethod(Refused):
    """:param allowed: the methods that there are."""

    code = 405

    def __init__(self, allowed: str) -> None:
        super().__init__(f"expected the method {allowed}, found another")
        self.allowed = allowed


class TooLarge(Refused):
    """A body is too large."""

    code = 413


class WrongType(Refused):
    """A body is no JSON."""

    code = 415


class TooMany(Refused):
    """There is no room for one more."""

    code = 503
