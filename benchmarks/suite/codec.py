"""Records as bytes."""

from collections.abc import Callable
from typing import Any
from zlib import crc32

import msgspec

from benchmarks import stored
from benchmarks.bench import Bench
from benchmarks.figure import Figure
from benchmarks.registry import benchmark
from cookietrack_plugin.record import Auth, Cookie
from cookietrack_plugin.stores.kit import codec
from cookietrack_plugin.stores.kit.maker import maker

RECORDS = 20_000
OURS, OTHER = "stores.kit.codec", "msgspec (MessagePack)"

_Login = tuple[str, str, str, str, dict[str, Any] | None, int | None]
_Record = tuple[int, int, int, str | None, str | None, _Login | None]
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Record).decode
_make_auth, _make_cookie = maker(Auth), maker(Cookie)
_CRC_SIZE = 4


@benchmark("codec", "A record as bytes, and back")
def measure(bench: Bench) -> list[Figure]:
    """
    Microseconds for one record of a browser that has logged in, of 20,000, and its bytes. `msgspec`
    packs the same fields into MessagePack, with the same checksum, and checks their types.
    """
    cookies = [stored.visited(number) for number in range(bench.size(RECORDS))]
    ways = {OURS: (codec.encode, codec.decode), OTHER: (encode, decode)}
    figures = []
    for metric, unit, measured in (
        ("encode", "µs", _encoding),
        ("decode", "µs", _decoding),
        ("bytes", "B", _size),
    ):
        cases = {label: measured(cookies, *way) for label, way in ways.items()}
        values = bench.interleaved(cases)
        figures += [
            Figure(metric, OTHER, unit, values[OTHER]),
            Figure(metric, OURS, unit, values[OURS], OTHER, values[OTHER]),
        ]
    return figures


def encode(cookie: Cookie) -> bytes:
    """As `codec.encode`, but for texts that MessagePack cannot hold."""
    auth, login = cookie.auth, None
    if auth is not None:
        login = auth.authid, auth.authrole, auth.authmethod, auth.authrealm, auth.authextra, auth.at
    times = cookie.created, cookie.expires, cookie.seen
    packed = _pack((*times, cookie.peer, cookie.user_agent, login))
    return packed + crc32(packed, crc32(cookie.id.encode())).to_bytes(_CRC_SIZE, "little")


def decode(id: str, data: bytes) -> Cookie:
    """
    The cookie that `encode` turned into `data`.

    :raises ValueError: `data` is damaged.
    """
    packed = data[:-_CRC_SIZE]
    if crc32(packed, crc32(id.encode())).to_bytes(_CRC_SIZE, "little") != data[-_CRC_SIZE:]:
        raise ValueError("a wrong checksum")
    *fields, login = _unpack(packed)
    return _make_cookie(id, *fields, _make_auth(*login) if login else None)


def _encoding(cookies: list[Cookie], encode: Any, decode: Any) -> Callable[[], float]:
    return lambda: _microseconds(encode, [(cookie,) for cookie in cookies])


def _decoding(cookies: list[Cookie], encode: Any, decode: Any) -> Callable[[], float]:
    return lambda: _microseconds(decode, [(cookie.id, encode(cookie)) for cookie in cookies])


def _size(cookies: list[Cookie], encode: Any, decode: Any) -> Callable[[], float]:
    return lambda: sum(len(encode(cookie)) for cookie in cookies) / len(cookies)


def _microseconds(work: Callable[..., object], items: list[tuple[Any, ...]]) -> float:
    def each() -> None:
        # What is kept would have the garbage collector look at it.
        for item in items:
            work(*item)

    return stored.seconds(each) / len(items) * 1e6
