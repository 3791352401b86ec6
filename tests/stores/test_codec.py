"""A cookie survives the way to bytes and back unchanged, and damaged bytes never pass for one."""

import zlib

import cbor2
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from cookietrack_plugin.record import Auth, Cookie
from cookietrack_plugin.stores.kit.codec import decode, decode_again, encode
from cookietrack_plugin.stores.lmdb.keys import id_of, key_of
from cookietrack_plugin.testing.samples import make_auth, make_cookie

texts = st.text() | st.sampled_from(["", "\0", "a\0b", "tcp4:192.0.2.1:52410", "Zoë ☃"])
times = st.integers(0, 2**48) | st.integers()
extras = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)
auths = st.builds(
    Auth, texts, texts, texts, texts, st.none() | st.dictionaries(texts, extras, max_size=4)
)
cookies = st.builds(
    Cookie,
    st.just("A" * 24),
    *(times, times, times),
    *(st.none() | texts, st.none() | texts),
    st.none() | auths,
)

TYPICAL = Cookie(
    id="A" * 24,
    created=1_764_000_000_000,
    expires=1_764_086_400_000,
    seen=1_764_000_000_500,
    peer="tcp4:192.0.2.1:52410",
    auth=Auth("user12345", "frontend", "wampcra", "realm1"),
)


def same(found, expected):
    """Equal, and of the same types all the way down: 1, 1.0 and True are equal but not the same."""
    return found == expected and repr(deep(found)) == repr(deep(expected))


def deep(cookie):
    return cookie, cookie.auth and cookie.auth.authextra


def sealed(body, id=""):
    """As a layout without the id is, and as one with it."""
    return body + zlib.crc32(id.encode() + body).to_bytes(4, "little")


ID = "AbCdEfGhIjKlMnOpQrStUv-_"
SMALL = [
    Cookie(ID, 1_764_000_000_000, 1_764_086_400_000, 1_764_000_000_500),
    evolve(TYPICAL, id=ID, auth=evolve(TYPICAL.auth, authextra={"token": b"\0\xff"})),
    evolve(TYPICAL, id=ID, peer="", user_agent="half \ud800"),
]
# What these were in each layout, as the code wrote them that brought it.
LAYOUTS = {
    1: [
        ("01019ab697e8000005265c0000000001f400319393f1", SMALL[0]),
        (
            "01019ab697e8000005265c0000000001f4746370343a3139322e302e322e313a353234313000007573"
            "657231323334350066726f6e74656e640077616d70637261007265616c6d31ffa165746f6b656e4200"
            "ffbab8785f",
            SMALL[1],
        ),
    ],
    2: [
        (
            "02861b0000019ab697e8001b0000019abbbe44001b0000019ab697e9f4604868616c6620eda0808569"
            "757365723132333435"
            "6866726f6e74656e646777616d70637261667265616c6d3140f7b4dc0c",
            SMALL[2],
        ),
    ],
    3: [
        ("03019ab697e8000005265c0000000001f400785b3cb1", SMALL[0]),
        (
            "03019ab697e8000005265c0000000001f4746370343a3139322e302e322e313a353234313000007573"
            "657231323334350066726f6e74656e640077616d70637261007265616c6d31ffa165746f6b656e4200"
            "ff5727b581",
            SMALL[1],
        ),
    ],
    4: [
        (
            "04861b0000019ab697e8001b0000019abbbe44001b0000019ab697e9f4604868616c6620eda0808569"
            "757365723132333435"
            "6866726f6e74656e646777616d70637261667265616c6d314098831f28",
            SMALL[2],
        ),
    ],
}
KEPT = [(layout, *each) for layout, kept in LAYOUTS.items() for each in kept]
# The layouts that are written.
WRITTEN = (3, 4)


@given(cookies)
def test_every_cookie_comes_back_as_it_went(cookie):
    assert same(decode(cookie.id, encode(cookie)), cookie)


@pytest.mark.parametrize("peer", [None, "", "p"])
@pytest.mark.parametrize("user_agent", [None, "", "\0"])
def test_no_text_is_not_an_empty_text(peer, user_agent):
    cookie = evolve(TYPICAL, peer=peer, user_agent=user_agent)
    assert same(decode(cookie.id, encode(cookie)), cookie)


@pytest.mark.parametrize("extra", [None, {}, {"token": b"\0\xff", "n": None, "x": [1, 1.0, True]}])
def test_no_authextra_is_not_an_empty_one(extra):
    cookie = evolve(TYPICAL, auth=evolve(TYPICAL.auth, authextra=extra))
    assert same(decode(cookie.id, encode(cookie)), cookie)


def test_a_login_without_a_role_keeps_none_apart_from_an_empty_role():
    for role in (None, ""):
        cookie = evolve(TYPICAL, auth=evolve(TYPICAL.auth, authrole=role))
        assert same(decode(cookie.id, encode(cookie)), cookie)


@pytest.mark.parametrize("field", ["created", "expires", "seen"])
@pytest.mark.parametrize("time", [-1, 0, 1, 2**32, 2**40 - 1, 2**40, 2**48 - 1, 2**48, 2**70])
def test_times_come_back_however_they_lie(field, time):
    cookie = evolve(TYPICAL, **{field: time})
    assert same(decode(cookie.id, encode(cookie)), cookie)


def test_a_typical_authenticated_cookie_takes_less_than_eighty_bytes():
    assert len(encode(TYPICAL)) < 80


@given(cookies, st.data())
def test_a_changed_byte_anywhere_is_noticed(cookie, data):
    damaged = bytearray(encode(cookie))
    where = data.draw(st.integers(0, len(damaged) - 1))
    damaged[where] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match="cookie record"):
        decode(cookie.id, bytes(damaged))


@given(cookies, st.binary(min_size=1))
def test_bytes_behind_the_end_are_noticed(cookie, tail):
    with pytest.raises(ValueError, match="cookie record"):
        decode(cookie.id, encode(cookie) + tail)


@given(cookies)
def test_data_that_ends_early_at_any_byte_is_noticed(cookie):
    whole = encode(cookie)
    for end in range(len(whole)):
        with pytest.raises(ValueError, match="cookie record"):
            decode(cookie.id, whole[:end])


@given(st.binary())
def test_garbage_is_no_cookie(garbage):
    with pytest.raises(ValueError, match="cookie record"):
        decode("A" * 24, garbage)


@given(st.sampled_from([b"\1", b"\2", b"\3", b"\4", b""]), st.binary(max_size=80))
@pytest.mark.parametrize("id", ["", "A" * 24])
def test_garbage_with_a_right_checksum_raises_nothing_but_valueerror(id, layout, garbage):
    try:
        decode("A" * 24, sealed(layout + garbage, id))
    except ValueError:
        return


@pytest.mark.parametrize("layout", [0, 5, 255])
def test_a_layout_of_a_later_version_is_refused(layout):
    body = bytes([layout]) + encode(TYPICAL)[1:-4]
    with pytest.raises(ValueError, match="unknown layout"):
        decode("A" * 24, sealed(body, "A" * 24 if layout else ""))


@pytest.mark.parametrize("cookie", SMALL, ids=["plain", "login", "general"])
def test_a_bit_that_flips_in_the_bytes_is_noticed(cookie):
    data = encode(cookie)
    for bit in range(8 * len(data)):
        flipped = int.from_bytes(data) ^ 1 << bit
        with pytest.raises(ValueError, match="cookie record"):
            decode(cookie.id, flipped.to_bytes(len(data)))


@pytest.mark.parametrize("cookie", SMALL, ids=["plain", "login", "general"])
def test_a_bit_that_flips_in_the_key_is_noticed(cookie):
    """In the 18 bytes by which LMDB files it, and in the text by which others do."""
    data, key = encode(cookie), key_of(cookie.id)
    ids = [id_of((int.from_bytes(key) ^ 1 << bit).to_bytes(18)) for bit in range(144)]
    text = cookie.id.encode()
    ids += [(int.from_bytes(text) ^ 1 << bit).to_bytes(24).decode("latin1") for bit in range(192)]
    assert len(set(ids) - {cookie.id}) > 250
    for id in ids:
        with pytest.raises(ValueError):
            decode(id, data)


@given(cookies, st.text(st.sampled_from("AB-_09"), min_size=24, max_size=24))
def test_a_record_under_another_id_is_noticed(cookie, id):
    if id != cookie.id:
        with pytest.raises(ValueError, match="checksum"):
            decode(id, encode(cookie))


@pytest.mark.parametrize(("layout", "data", "cookie"), KEPT)
def test_records_of_every_layout_are_read(layout, data, cookie):
    assert bytes.fromhex(data)[0] == layout
    assert same(decode(cookie.id, bytes.fromhex(data)), cookie)
    # Another version reads what this one writes.
    assert (encode(cookie).hex() == data) == (layout in WRITTEN)
    with pytest.raises(ValueError, match="cookie record"):
        decode(cookie.id, bytes.fromhex(data[:-2] + "00"))


@pytest.mark.parametrize("extra", [[], [1], 5, "text", b"bytes", True], ids=repr)
def test_an_authextra_that_is_no_mapping_is_neither_written_nor_read(extra):
    cookie = evolve(SMALL[1], auth=evolve(SMALL[1].auth, authextra=extra))
    with pytest.raises(ValueError, match="no mapping"):
        encode(cookie)
    body = encode(evolve(cookie, auth=evolve(cookie.auth, authextra=None)))[:-4]
    for layout, id in [(1, ""), (3, cookie.id)]:
        data = sealed(bytes([layout]) + body[1:] + b"\xff" + cbor2.dumps(extra), id)
        with pytest.raises(ValueError, match="unknown layout"):
            decode(cookie.id, data)


def nested(depth):
    extra = {}
    for _ in range(depth):
        extra = {"inner": extra}
    return extra


@pytest.mark.parametrize(
    "extra",
    [{"x": object()}, {"x": "\ud800"}, nested(600)],
    ids=["no data", "no Unicode", "too deep to be read again"],
)
def test_what_could_not_be_read_again_is_refused_when_written(extra):
    with pytest.raises(ValueError):
        encode(evolve(TYPICAL, auth=evolve(TYPICAL.auth, authextra=extra)))


def test_the_error_does_not_show_the_value_that_could_not_be_stored():
    extra = {"token": ["hunter2", object()]}
    with pytest.raises(ValueError) as caught:
        encode(evolve(TYPICAL, auth=evolve(TYPICAL.auth, authextra=extra)))
    assert "hunter2" not in str(caught.value)


def test_a_login_that_is_no_text_is_refused_in_the_general_layout_too():
    auth = Auth("", object(), "ticket", "realm1")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cannot be stored"):
        encode(Cookie("A" * 24, 0, 0, 0, auth=auth))


def test_what_is_decoded_again_is_what_the_bytes_say_now() -> None:
    first, second = encode(TYPICAL), encode(evolve(TYPICAL, auth=None))
    assert decode_again(TYPICAL.id, first) is decode_again(TYPICAL.id, bytes(bytearray(first)))
    assert decode_again(TYPICAL.id, second).auth is None
    assert decode_again(TYPICAL.id, first) == TYPICAL
    with pytest.raises(ValueError, match="checksum"):
        decode_again(TYPICAL.id, first[:-1] + b"\0")
    with pytest.raises(ValueError, match="checksum"):
        decode_again("B" * 24, first)


def test_nothing_that_can_be_changed_is_given_twice() -> None:
    assert TYPICAL.auth is not None
    data = encode(evolve(TYPICAL, auth=evolve(TYPICAL.auth, authextra={"a": 1})))
    decoded = [decode_again(TYPICAL.id, data) for _ in range(2)]
    assert decoded[0] == decoded[1]
    assert decoded[0] is not decoded[1]


@pytest.mark.parametrize("extra", [{"a": "\ud800"}, {"\ud800": 1}])
def test_half_of_a_surrogate_pair_in_an_authextra_is_not_taken_for_a_wrong_id(extra):
    with pytest.raises(ValueError, match="data that cannot be stored"):
        encode(make_cookie(1, evolve(make_auth(), authextra=extra)))
