"""Nothing of a password is shown, however the URL is written that it stands in."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cookietrack_plugin.stores.kit.redaction import is_secret_name, redact_options, redact_url

# A password is made of these pieces, and what the test looks for is the first of them.
MARK = "Zq9"
passwords = st.lists(
    st.sampled_from([MARK, *"@/?#:;&=%+[],.~ \n\0", "://", "%40", "${NAME}", "é", "\ud800"]),
    min_size=1,
).map(lambda pieces: "".join([*pieces, MARK]))

TEMPLATES = [
    "redis://:{}@host:6379/0",
    "rediss://user:{}@host",
    "redis://{}@host",
    "nats://{}@one:4222,two:4222",
    "unix://:{}@/run/redis/redis.sock?db=0",
    "redis+sentinel://:{}@one:26379,two/service/0?sentinel_username=u&sentinel_password={}",
    "redis+sentinel://host/service?sentinel_password={}",
    "redis+cluster://user:{}@one,two:6380#{}",
    "postgresql://user:{}@host/database",
    "postgresql://user:{}@[::1]:5432/database?sslpassword={}",
    "postgresql://user:{}@one:1,user:{}@two:2/database",
    "postgresql:///database?host=/run&password={}",
    "postgresql:///database?host=/run&user=me@here&password={}",
    "mysql+pymysql://user:{}@host/database?ssl_key_password={}",
    "sqlserver://host/database;password={}",
    "redis://host/0&password={}",
    "redis:///0#{}",
    "host=db user=me password={}",
    "user:{}@host",
    "user:{}@host/path?password={}",
    "host/path?user=me@here&password={}",
]


@given(st.sampled_from(TEMPLATES), passwords)
@example("postgresql://u:{}@h/db", f"se/{MARK}")
@example("redis://user:{}@host", f"pa@{MARK}")
@example("redis://host?sentinel_password={}", f"a@{MARK}")
@example("redis://host/0&password={}", f"a@{MARK}")
def test_no_url_that_is_shown_contains_a_password(template, password):
    assert MARK not in redact_url(template.replace("{}", password))


# Without the host that belongs behind it, a number looks like a port, and text like a host.
@pytest.mark.parametrize("text", ["redis://:Zq9", "redis://joe:Zq9", "redis://joe:Zq9/x,y:Zq9"])
def test_no_password_is_shown_that_has_no_host_behind_it(text):
    assert redact_url(text) == "redis://***"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://joe:secret@host:6379/0", "redis://***@host:6379/0"),
        ("redis+sentinel://a:1,b:2/service/0?x=y", "redis+sentinel://a:1,b:2/service/0"),
        ("postgresql://u:se/cret@h/db", "postgresql://***@h/db"),
        ("postgresql://u:se?cret@h/db", "postgresql://***"),
        ("postgresql://[::1]:5432/db", "postgresql://[::1]:5432/db"),
        ("sqlite:///cookies.db", "sqlite:///cookies.db"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock"),
        ("redis://${USER}:${PASSWORD}@${HOST}:${PORT}/0", "redis://***@${HOST}:${PORT}/0"),
        ("${REDIS_URL}", "${REDIS_URL}"),
        ("over there", "over there"),
        (".cookies#2", ".cookies#2"),
        ("host=db password=x port=1", "host=db password=***"),
        ("", ""),
    ],
)
def test_what_tells_stores_apart_is_shown(text, shown):
    assert redact_url(text) == shown


@given(passwords)
def test_no_item_that_is_shown_contains_a_password(password):
    item = {
        "type": "redis",
        "url": f"redis://:{password}@host",
        "hosts": [f"redis://joe:{password}@host", "other"],
        "password": password,
        "sslPassword": password,
        "tls": {"ca": "ca.pem", "key_passphrase": password},
        "auth": {"user": password},
    }
    shown = redact_options(item)
    assert MARK not in repr(shown)
    assert list(shown) == list(item)


def test_an_item_without_secrets_is_shown_as_it_is():
    item = {"type": "lmdb", "path": ".cookies", "sync": True, "maxsize": 1, "more": {"a": [1, "b"]}}
    assert redact_options(item) == item


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [("sslpassword", True), ("api-key", True), ("Token", True), ("url", False), ("prefix", False)],
)
def test_a_name_says_whether_its_option_is_a_secret(name, is_secret):
    assert is_secret_name(name) == is_secret
