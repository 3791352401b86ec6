"""A connection that notes what the tracker does to it."""


class FakeConnection:
    """`ended`: the reasons with which it was told to end its session."""

    def __init__(self, last_heard: int = 0, logging_in: bool = False) -> None:
        self.last_heard = last_heard
        self.logging_in = logging_in
        self.usable = True
        self.forgot = 0
        self.ended: list[str] = []

    def is_usable(self) -> bool:
        return self.usable

    def is_logging_in(self) -> bool:
        return self.logging_in

    def forget_login(self) -> None:
        self.forgot += 1

    def end_session(self, reason: str) -> None:
        self.ended.append(reason)
