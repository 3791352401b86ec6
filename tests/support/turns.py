"""Turns of a reactor, one by one."""


class Turns:
    """A reactor whose turns a test takes one by one."""

    def __init__(self):
        self.now = 0.0
        self.next = []

    def seconds(self):
        return self.now

    def callLater(self, delay, call):
        assert delay == 0
        self.next.append(call)

    def turn(self):
        calls, self.next = self.next, []
        for call in calls:
            call()
