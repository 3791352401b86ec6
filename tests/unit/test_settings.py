"""The cookie item: what is left out has Crossbar's meaning, what is wrong is named."""

import pytest
from attrs import fields
from jsonschema import Draft202012Validator

from cookietrack_plugin.config.audit import AuditSettings
from cookietrack_plugin.config.itemschema import cookie_schema
from cookietrack_plugin.config.lifespan import Lifespan
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.config.settings import TEN_YEARS_S, CookieSettings, check_cookie_item
from cookietrack_plugin.errors import ConfigError, UnknownStoreType

TEN_YEARS = f"an integer from 1 to {TEN_YEARS_S} seconds"
PATTERN = "a string that matches ^(__Secure-|__Host-)?[a-z][a-z0-9_]+$"
A_STORE = 'a mapping such as {"type": "lmdb", "path": ".cookies"}'
A_TYPE = 'the name of a store type, such as "lmdb"'
A_PATH = 'a path that begins with "/" and has no ";"'
A_DOMAIN = 'a domain in lower case, such as "example.com"'
AN_AUDIT = 'a mapping such as {"type": "file", "filename": "audit.jsonl"}'
PROXIES = 'a list of addresses and networks, such as ["::1", "10.0.0.0/8"], and "unix"'
LIFETIMES = 'a mapping such as {"admin": {"max_age": 3600}, "user@realm1": {"idle_timeout": 900}}'
KEYS = "roles, and role@realm, as its keys"
SAME_SITES = 'one of "Strict", "Lax", "None"'


SCHEMA = Draft202012Validator(cookie_schema())
# What is wrong, and no JSON Schema can say; Python's `$` alone lets an end of line pass.
BEYOND_THE_SCHEMA = [
    {"length": 24.0},
    {"name": "cbtid\n"},
    {"max_age": 60, "idle_timeout": 61},
    {"max_age": 60, "first_max_age": 61},
    {"rolling": True, "max_age": 600, "absolute_max_age": 599},
    {"lifetimes": {"user": {"max_age": 60, "idle_timeout": 61}}},
    {"lifetimes": {"user": {"max_age": 60, "rolling": True, "absolute_max_age": 59}}},
    {"trusted_proxies": ["10.0.0.1/8"]},
    {"store": {"type": "memory", "max_cookies": 0}},
    {"store": {"type": "memory", "path": "p"}},
]


def accept(item: object) -> None:
    """The checks accept it, and so does the schema."""
    check_cookie_item(item)
    assert [error.message for error in SCHEMA.iter_errors(item)] == []


def message(item: object) -> str:
    """What the checks say of it. The schema refuses it too."""
    with pytest.raises(ConfigError) as caught:
        check_cookie_item(item)
    assert SCHEMA.is_valid(item) is (item in BEYOND_THE_SCHEMA)
    return str(caught.value)


def test_an_empty_item_has_crossbars_defaults():
    assert CookieSettings.of({}) == CookieSettings(
        name="cbtid",
        length=24,
        max_age=86400,
        store={"type": "memory"},
        secure=False,
        http_strict=False,
        same_site=None,
        max_pending=10_000,
        idle_timeout=None,
        rolling=False,
        absolute_max_age=None,
        rotate=True,
    )
    accept({})


def test_every_attribute_is_read():
    item = {
        "name": "sid_2",
        "length": 64,
        "max_age": 60,
        "store": {"type": "memory", "max_cookies": 5},
        "secure": True,
        "http_strict": True,
        "same_site": "Strict",
        "max_pending": 7,
        "idle_timeout": 30,
        "rolling": True,
        "absolute_max_age": 600,
        "rotate": False,
        "on_failure": "anonymous",
        "path": "/ws",
        "domain": "example.com",
        "partitioned": True,
        "persistent": False,
        "max_new_per_second": 50,
        "max_new_per_peer": 10,
        "trusted_proxies": ["::1", "10.0.0.0/8", "unix"],
        "max_sessions": 3,
        "on_max_sessions": "deny",
        "lifetimes": {
            "admin": {"max_age": 50, "idle_timeout": 5},
            "user@realm1": {"max_age": 5, "rolling": True, "absolute_max_age": 55},
        },
        "audit": {"type": "file", "filename": "audit.jsonl", "required": True},
    }
    accept(item)
    settings = CookieSettings.of(item)
    assert {name: getattr(settings, name) for name in item} == item


@pytest.mark.parametrize(
    "item",
    [
        {"length": 6},
        {"length": 64},
        {"max_age": 1},
        {"max_age": TEN_YEARS_S},
        {"name": "ab"},
        {"name": "a_0"},
        {"same_site": "Lax"},
        {"same_site": "None"},
        {"path": "/"},
        {"path": "/a/%20b"},
        {"domain": "www.ex-ample.co.uk"},
        {"name": "__Secure-sid", "secure": True},
        {"name": "__Host-sid", "secure": True, "path": "/"},
        {"secure": True, "partitioned": True},
        {"max_pending": 1},
        {"idle_timeout": 1},
        {"rolling": True, "max_age": 60, "absolute_max_age": 60},
        {"max_sessions": 1},
        {"max_sessions": 10_000, "on_max_sessions": "end_oldest"},
        {"lifetimes": {}},
        {"lifetimes": {"com.example.admin@my-realm@example.com": {"idle_timeout": 1}}},
        {"lifetimes": {"user": {"max_age": TEN_YEARS_S, "idle_timeout": TEN_YEARS_S}}},
    ],
)
def test_the_ends_of_the_ranges_are_allowed(item):
    accept(item)


@pytest.mark.parametrize(
    ("attribute", "value", "found", "expected"),
    [
        ("length", 5, "5", "an integer from 6 to 64"),
        ("length", 65, "65", "an integer from 6 to 64"),
        ("length", "24", "a string", "an integer from 6 to 64"),
        ("length", 24.0, "a number", "an integer from 6 to 64"),
        ("length", True, "true", "an integer from 6 to 64"),
        ("max_age", 0, "0", TEN_YEARS),
        ("max_age", -1, "-1", TEN_YEARS),
        ("max_age", TEN_YEARS_S + 1, str(TEN_YEARS_S + 1), TEN_YEARS),
        ("max_age", None, "null", TEN_YEARS),
        ("idle_timeout", 0, "0", TEN_YEARS),
        ("idle_timeout", "5 min", "a string", TEN_YEARS),
        ("absolute_max_age", 0, "0", TEN_YEARS),
        ("max_pending", 0, "0", "an integer from 1 to 10000000 writes"),
        ("max_sessions", 0, "0", "an integer from 1 to 10000 sessions"),
        ("max_sessions", True, "true", "an integer from 1 to 10000 sessions"),
        ("on_max_sessions", "end", '"end"', 'one of "end_oldest", "deny"'),
        ("on_max_sessions", "deny", '"deny"', 'nothing without "max_sessions"'),
        ("lifetimes", ["user"], "a list", LIFETIMES),
        ("lifetimes", {"": {}}, '""', KEYS),
        ("lifetimes", {"user@": {}}, '"user@"', KEYS),
        ("lifetimes", {"@realm1": {}}, '"@realm1"', KEYS),
        ("lifetimes", {7: {}}, '"7"', KEYS),
        ("name", "Cbtid", '"Cbtid"', PATTERN),
        ("name", "x", '"x"', PATTERN),
        ("name", "1a", '"1a"', PATTERN),
        ("name", "a-b", '"a-b"', PATTERN),
        ("name", "cbtid\n", '"cbtid\\n"', PATTERN),
        ("name", "", '""', PATTERN),
        ("name", 7, "an integer", PATTERN),
        ("name", None, "null", PATTERN),
        ("secure", "true", "a string", "true or false"),
        ("secure", 1, "an integer", "true or false"),
        ("http_strict", None, "null", "true or false"),
        ("rolling", 0, "an integer", "true or false"),
        ("rotate", "no", '"no"', 'true, false or "always"'),
        ("rotate", 1, "an integer", 'true, false or "always"'),
        ("first_max_age", 0, "0", "an integer from 1 to 315360000 seconds"),
        ("fresh_for", True, "true", "an integer from 1 to 315360000 seconds"),
        ("same_site", "lax", '"lax"', SAME_SITES),
        ("same_site", ["Lax"], "a list", SAME_SITES),
        ("name", "__host-sid", '"__host-sid"', PATTERN),
        ("name", "__Host-", '"__Host-"', PATTERN),
        ("name", "__Host-__Secure-sid", '"__Host-__Secure-sid"', PATTERN),
        ("path", "ws", '"ws"', A_PATH),
        ("path", "/;Domain=evil.example", '"/;Domain=evil.example"', A_PATH),
        ("path", "/\r\nX: y", '"/\\r\\nX: y"', A_PATH),
        ("path", "", '""', A_PATH),
        ("domain", "Example.com", '"Example.com"', A_DOMAIN),
        ("domain", ".example.com", '".example.com"', A_DOMAIN),
        ("domain", "localhost", '"localhost"', A_DOMAIN),
        ("domain", "a.b; Secure", '"a.b; Secure"', A_DOMAIN),
        ("partitioned", "yes", "a string", "true or false"),
        ("max_new_per_second", 0, "0", "an integer from 1 to 1000000 new cookies"),
        ("max_new_per_peer", "10/m", "a string", "an integer from 1 to 1000000 new cookies"),
        ("persistent", 1, "an integer", "true or false"),
        ("trusted_proxies", "10.0.0.1", "a string", PROXIES),
        ("trusted_proxies", [7], "an integer", PROXIES),
        ("trusted_proxies", ["10.0.0.1/8"], '"10.0.0.1/8"', PROXIES),
        ("trusted_proxies", ["nginx.example"], '"nginx.example"', PROXIES),
        ("on_failure", "accept", '"accept"', 'one of "deny", "anonymous"'),
        ("on_failure", True, "true", 'one of "deny", "anonymous"'),
        ("audit", "audit.jsonl", "a string", AN_AUDIT),
        ("audit", [], "a list", AN_AUDIT),
        ("store", "lmdb", "a string", A_STORE),
        ("store", None, "null", A_STORE),
        ("store", [], "a list", A_STORE),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected_and_what_was_found(
    attribute, value, found, expected
):
    assert message({attribute: value}) == (
        f'"{attribute}" in the cookie item: expected {expected}, found {found}'
    )


@pytest.mark.parametrize("attribute", [each.name for each in fields(CookieSettings)])
def test_of_a_value_of_a_wrong_type_nothing_is_shown(attribute):
    for value in ("redis://:secret@host", ["redis://:secret@host"], {"password": "secret"}):
        assert "secret" not in message({attribute: value})


def test_an_idle_timeout_that_never_counts_is_refused():
    assert message({"max_age": 60, "idle_timeout": 61}) == (
        '"idle_timeout" in the cookie item: expected "max_age", 60, or less, found 61'
    )
    accept({"max_age": 60, "idle_timeout": 60})


def test_what_a_store_that_is_passed_through_does_not_heed_is_refused():
    store = {"type": "database", "path": ".db"}
    accept({"store": store, "name": "sid", "secure": True, "max_age": 60})
    found = message({"store": store, "rolling": True})
    assert found.startswith('"rolling" in the cookie item: expected no more than "name", "length"')


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            {"name": "__Secure-sid"},
            '"secure" in the cookie item: expected true with the name "__Secure-sid", found false',
        ),
        (
            {"name": "__Host-sid", "path": "/"},
            '"secure" in the cookie item: expected true with the name "__Host-sid", found false',
        ),
        (
            {"name": "__Host-sid", "secure": True},
            '"path" in the cookie item: expected "/" with the name "__Host-sid", found null',
        ),
        (
            {"name": "__Host-sid", "secure": True, "path": "/ws"},
            '"path" in the cookie item: expected "/" with the name "__Host-sid", found "/ws"',
        ),
        (
            {"name": "__Host-sid", "secure": True, "path": "/", "domain": "example.com"},
            '"domain" in the cookie item: expected none with the name "__Host-sid",'
            ' found "example.com"',
        ),
        (
            {"partitioned": True},
            '"secure" in the cookie item: expected true with "partitioned": true, found false',
        ),
    ],
)
def test_what_browsers_drop_for_its_name_is_refused(item, expected):
    assert message(item) == expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            {"name": "a" * 4033},
            f'"name" in the cookie item: expected 4032 characters or fewer, as browsers take no'
            f' more, found "{"a" * 4033}"',
        ),
        (
            {"path": "/" + "a" * 1024},
            f'"path" in the cookie item: expected 1024 characters or fewer, as browsers take no'
            f' more, found "/{"a" * 1024}"',
        ),
        (
            {"domain": f"{'a.' * 600}example"},
            f'"domain" in the cookie item: expected 1024 characters or fewer, as browsers take no'
            f' more, found "{"a." * 600}example"',
        ),
    ],
)
def test_what_browsers_drop_for_its_length_is_refused(item, expected):
    assert message(item) == expected


def test_the_longest_name_fits_browsers_with_the_longest_value():
    """RFC 6265bis, 5.6: 4096 octets for both."""
    accept({"name": "a" * 4032, "length": 64, "path": "/" + "a" * 1023})


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            {"type": "syslog"},
            '"type" in the audit item: expected one of "file", "log", found "syslog"',
        ),
        ({"filename": ""}, '"filename" in the audit item: expected the path of a file, found ""'),
        ({"filename": 7}, '"filename" in the audit item: expected the path of a file, found an'),
        (
            {"filename": "a" * 4096},
            '"filename" in the audit item: expected 4095 characters or fewer, as Linux takes no',
        ),
        ({"required": 1}, '"required" in the audit item: expected true or false, found an integer'),
        ({"file": "a"}, '"file" in the audit item: expected one of "type", "filename", "required"'),
        (
            {"type": "log", "filename": "a"},
            '"filename" in the audit item: expected none with "type": "log", found "a"',
        ),
        (
            {"type": "log", "required": True},
            '"required" in the audit item: expected false with "type": "log", which does not say'
            " whether it has kept a line, found true",
        ),
    ],
)
def test_a_wrong_audit_item_is_named(item, expected):
    assert message({"audit": item}).startswith(expected)


def test_an_audit_item_says_where_the_lines_go():
    assert AuditSettings.of({}).path("/node") == "/node/audit.jsonl"
    assert AuditSettings.of({"filename": "../log/a"}).path("/node") == "/log/a"
    assert AuditSettings.of({"filename": "/var/log/a"}).path("/node") == "/var/log/a"
    assert AuditSettings.of({"type": "log"}).path("/node") is None


def test_a_store_without_a_type_is_told_what_belongs_there():
    assert message({"store": {}}) == (
        f'"store.type" in the cookie item: expected {A_TYPE}, found nothing'
    )


@pytest.mark.parametrize(("value", "found"), [(None, "null"), (7, "an integer"), (["a"], "a list")])
def test_a_type_that_is_no_name_is_named(value, found):
    assert message({"store": {"type": value}}) == (
        f'"store.type" in the cookie item: expected {A_TYPE}, found {found}'
    )


def test_an_unknown_attribute_is_answered_with_all_and_with_the_nearest():
    known = ", ".join(f'"{attribute.name}"' for attribute in fields(CookieSettings))
    assert known.startswith('"name", "length", "max_age", "store", ')
    assert message({"maxage": 60}) == (
        f'"maxage" in the cookie item: expected one of {known},'
        ' found an unknown attribute (did you mean "max_age"?)'
    )
    assert message({"zzz": 1}) == (
        f'"zzz" in the cookie item: expected one of {known}, found an unknown attribute'
    )
    assert message({7: 1}).startswith('"7" in the cookie item: expected one of ')


@pytest.mark.parametrize(
    ("item", "found"),
    [(None, "null"), ([], "a list"), ("redis://:secret@host", "a string"), (True, "true")],
)
def test_an_item_that_is_no_mapping_is_refused(item, found):
    assert message(item) == f"the cookie item: expected a mapping, found {found}"


def test_an_absolute_lifetime_without_a_rolling_one_is_refused_as_it_would_do_nothing():
    assert message({"absolute_max_age": 600}) == (
        '"absolute_max_age" in the cookie item: expected nothing without "rolling": true,'
        ' as "max_age" is absolute already, found 600'
    )


def test_an_absolute_lifetime_shorter_than_the_rolling_one_is_refused():
    assert message({"rolling": True, "max_age": 600, "absolute_max_age": 599}) == (
        '"absolute_max_age" in the cookie item: expected "max_age", 600, or more, found 599'
    )


def test_an_unknown_and_a_misspelt_type_are_answered_with_the_installed_ones():
    with pytest.raises(UnknownStoreType, match=r"store type 'zzz': expected one of .*memory"):
        check_cookie_item({"store": {"type": "zzz"}})
    with pytest.raises(UnknownStoreType, match=r"Did you mean 'memory'\?"):
        accept({"store": {"type": "memroy"}})


def test_the_stores_own_options_are_checked_by_its_provider():
    assert '"max_cookies" in the store item: expected an integer from 1 on, found 0' in message(
        {"store": {"type": "memory", "max_cookies": 0}}
    )
    assert '"path" in the store item: expected one of' in message(
        {"store": {"type": "memory", "path": "p"}}
    )


def test_the_policy_has_the_lifetimes_and_rotates_only_where_a_login_is_offered():
    settings = CookieSettings.of(
        {"max_age": 60, "idle_timeout": 30, "rolling": True, "absolute_max_age": 600}
    )
    assert settings.policy(offers_login=True) == Policy(60, 30, True, 600, True, 10_000)
    assert settings.policy(offers_login=False) == Policy(60, 30, True, 600, False, 10_000)
    assert not CookieSettings.of({"rotate": False}).policy(offers_login=True).rotates


OF_USER = "lifetimes.user of the cookie item"


@pytest.mark.parametrize(
    ("lifetime", "error"),
    [
        (
            60,
            '"lifetimes.user" in the cookie item: expected a mapping such as {"max_age": 3600},'
            " found an integer",
        ),
        (
            {},
            '"lifetimes.user" in the cookie item: expected "max_age", "idle_timeout" or both in'
            " it, found neither",
        ),
        ({"max_age": 0}, f'"max_age" in {OF_USER}: expected {TEN_YEARS}, found 0'),
        ({"max_age": "60"}, f'"max_age" in {OF_USER}: expected {TEN_YEARS}, found a string'),
        ({"max_age": True}, f'"max_age" in {OF_USER}: expected {TEN_YEARS}, found true'),
        ({"idle_timeout": None}, f'"idle_timeout" in {OF_USER}: expected {TEN_YEARS}, found null'),
        (
            {"max_age": 60, "idle_timeout": 61},
            f'"idle_timeout" in {OF_USER}: expected "max_age", 60, or less, found 61',
        ),
        (
            {"max_age": 60, "rolling": 1},
            f'"rolling" in {OF_USER}: expected true or false, found an integer',
        ),
        (
            {"idle_timeout": 60, "rolling": True},
            f'"rolling" in {OF_USER}: expected "max_age" beside it, found none',
        ),
        (
            {"max_age": 60, "rolling": True, "absolute_max_age": 59},
            f'"absolute_max_age" in {OF_USER}: expected "max_age", 60, or more, found 59',
        ),
        (
            {"max_age": 60, "absolute_max_age": 60},
            f'"absolute_max_age" in {OF_USER}: expected nothing without "rolling": true, as'
            ' "max_age" is absolute already, found 60',
        ),
        (
            {"max_agee": 60},
            f'"max_agee" in {OF_USER}: expected one of "max_age", "idle_timeout", "rolling",'
            ' "absolute_max_age", found an unknown attribute (did you mean "max_age"?)',
        ),
    ],
)
def test_a_wrong_lifetime_of_a_role_is_named(lifetime, error):
    assert message({"lifetimes": {"user": lifetime}}) == error


def test_the_policy_has_the_limits_of_users():
    item = {"max_sessions": 3, "lifetimes": {"admin": {"max_age": 60, "idle_timeout": 5}}}
    policy = CookieSettings.of(item).policy(offers_login=True)
    assert (policy.max_sessions, policy.ends_oldest) == (3, True)
    assert policy.lifetimes == {"admin": Lifespan(60, 5)}
    denying = CookieSettings.of({"max_sessions": 1, "on_max_sessions": "deny"})
    assert not denying.policy(offers_login=True).ends_oldest
