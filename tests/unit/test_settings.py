"""The cookie item: what is left out has Crossbar's meaning, what is wrong is named."""

import pytest
from attrs import fields

from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.config.settings import TEN_YEARS_S, CookieSettings, check_cookie_item
from cookietrack_plugin.errors import ConfigError, UnknownStoreType

TEN_YEARS = f"an integer from 1 to {TEN_YEARS_S} seconds"
PATTERN = "a string that matches ^[a-z][a-z0-9_]+$"
A_STORE = 'a mapping such as {"type": "lmdb", "path": ".cookies"}'
A_TYPE = 'the name of a store type, such as "lmdb"'
SAME_SITES = 'one of "Strict", "Lax", "None"'


def message(item: object) -> str:
    with pytest.raises(ConfigError) as caught:
        check_cookie_item(item)
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
    check_cookie_item({})


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
    }
    check_cookie_item(item)
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
        {"max_pending": 1},
        {"idle_timeout": 1},
        {"rolling": True, "max_age": 60, "absolute_max_age": 60},
    ],
)
def test_the_ends_of_the_ranges_are_allowed(item):
    check_cookie_item(item)


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
        ("rotate", "no", "a string", "true or false"),
        ("same_site", "lax", '"lax"', SAME_SITES),
        ("same_site", ["Lax"], "a list", SAME_SITES),
        ("on_failure", "accept", '"accept"', 'one of "deny", "anonymous"'),
        ("on_failure", True, "true", 'one of "deny", "anonymous"'),
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
        check_cookie_item({"store": {"type": "memroy"}})


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
