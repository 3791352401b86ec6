"""WSGI applications for tests."""

from threading import Event


class Application:
    """Calls a function of the test; `environ` is that of its last call."""

    def __init__(self, answer):
        self._answer = answer
        self.environ = None
        self.calls = 0

    def __call__(self, environ, start_response):
        self.calls += 1
        self.environ = environ
        return self._answer(environ, start_response)


class Blocks:
    """What an application returns: its blocks, and whether it was closed."""

    def __init__(self, blocks):
        self._blocks = iter(blocks)
        self.taken = 0
        self.closed = Event()

    def __iter__(self):
        return self

    def __next__(self):
        block = next(self._blocks)
        self.taken += 1
        return block

    def close(self):
        self.closed.set()


def answering(body=(b"ok",), status="200 OK", headers=(("Content-Type", "text/plain"),)):
    """An application with this answer to all."""

    def answer(environ, start_response):
        start_response(status, list(headers))
        return body

    return Application(answer)
