"""Messages over a socket: whole, of any size, or the end is reported."""

import struct
from select import select
from socket import SO_SNDBUF, SOL_SOCKET, socketpair
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cookietrack_plugin.stores.child.channel import Channel


def of_size(size):
    """A message that tells its parts from each other."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


MESSAGES = st.binary(max_size=50) | st.integers(0, 500_000).map(of_size)


@pytest.fixture
def sockets():
    pair = socketpair()
    yield pair
    for each in pair:
        each.close()


@pytest.fixture
def channels(sockets):
    return [Channel(each) for each in sockets]


def receive_soon(channel):
    """As the reactor does it: looks when there is something to read. And how often it looked."""
    for looks in range(1, 1_000):
        assert select([channel], [], [], 30)[0]
        if (message := channel.receive_now()) is not None:
            return message, looks
    raise AssertionError("no end")


@given(requests=st.lists(MESSAGES, min_size=1, max_size=4), data=st.data())
def test_messages_of_any_size_come_as_they_were_in_both_ways(requests, data):
    answers = data.draw(st.lists(MESSAGES, min_size=len(requests), max_size=len(requests)))
    near, far = map(Channel, socketpair())
    seen = []

    def serve():
        for answer in answers:
            seen.append(far.receive())
            far.send(answer)

    thread = Thread(target=serve)
    thread.start()
    for request, answer in zip(requests, answers, strict=True):
        if not near.send_now(request):
            near.send(request)
        assert receive_soon(near)[0] == answer
    thread.join()
    assert seen == requests
    near.close()
    far.close()


def test_a_message_in_pieces_is_there_with_its_last_byte(sockets):
    far, channel = sockets[0], Channel(sockets[1])
    for byte in struct.pack("!I", 3) + b"ab":
        far.send(bytes([byte]))
        assert channel.receive_now() is None
    far.send(b"c" + struct.pack("!I", 1))
    assert channel.receive_now() == b"abc"
    assert channel.receive_now() is None
    far.send(b"d")
    assert channel.receive() == b"d"


def test_a_message_that_is_long_is_read_a_little_each_time(channels):
    near, far = channels
    thread = Thread(target=near.send, args=(of_size(300_000),))
    thread.start()
    message, looks = receive_soon(far)
    thread.join()
    assert message == of_size(300_000)
    assert looks >= 300_000 / 65_536


@pytest.mark.parametrize("receive", [Channel.receive, Channel.receive_now])
@pytest.mark.parametrize("part", [b"", b"\0\0", struct.pack("!I", 3), struct.pack("!I", 3) + b"ab"])
def test_the_end_in_the_middle_of_a_message_is_an_error(sockets, receive, part):
    channel = Channel(sockets[1])
    sockets[0].send(part)
    sockets[0].close()
    with pytest.raises(EOFError, match="the other end has closed"):
        # The first look finds a part, if there is one.
        receive(channel) or receive(channel)


def test_a_whole_message_comes_before_the_end(channels):
    near, far = channels
    near.send(b"last")
    near.close()
    assert far.receive_now() == b"last"
    with pytest.raises(EOFError):
        far.receive_now()


class TestSendNow:
    def test_sends_nothing_of_what_is_too_large_to_go_at_once(self, channels):
        near, far = channels
        assert not near.send_now(of_size(1_000_000))
        assert far.receive_now() is None
        assert near.send_now(b"small")
        assert far.receive_now() == b"small"

    def test_has_room_for_a_quarter_of_what_the_kernel_takes(self, sockets):
        sockets[0].setsockopt(SOL_SOCKET, SO_SNDBUF, 20_000)
        room = sockets[0].getsockopt(SOL_SOCKET, SO_SNDBUF) // 4
        near, far = map(Channel, sockets)
        assert not near.send_now(of_size(room - 3))
        assert near.send_now(of_size(room - 4))
        assert far.receive() == of_size(room - 4)

    def test_sends_nothing_after_the_end_of_the_other(self, channels):
        near, far = channels
        far.close()
        assert not near.send_now(b"x")

    def test_sends_nothing_where_there_is_no_room_for_now(self, channels):
        near, far = channels
        while near.send_now(bytes(1_000)):
            pass
        assert not near.is_shut
        assert far.receive() == bytes(1_000)

    def test_ends_the_channel_with_half_a_message(self, channels):
        """The kernel takes large ones in parts. With every message answered it has room for all."""
        near, far = channels
        sent = 0
        while near.send_now(of_size(50_000)):
            sent += 1
        assert near.is_shut
        assert [far.receive() for _ in range(sent)] == [of_size(50_000)] * sent
        with pytest.raises(EOFError):
            far.receive()


def test_what_is_shut_keeps_its_descriptor_and_both_ends_know(channels):
    near, _ = channels
    number = near.fileno()
    near.shut()
    assert (near.is_shut, near.fileno()) == (True, number)
    assert not near.send_now(b"x")
    for each in channels:
        with pytest.raises(EOFError):
            each.receive_now()
    near.shut()
    near.close()
    assert near.fileno() == -1
