"""The check of a `store` item says what is wrong in words that its author can act on."""

import pytest

from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.kit.options import (
    check_options,
    timeout_of,
    wrong_option,
    wrong_url,
)

REQUIRED = {"path": str}
OPTIONAL = {"maxsize": int, "sync": bool, "timeout": float, "hosts": list, "tls": dict}


def check(**options):
    check_options({"type": "lmdb", **options}, REQUIRED, OPTIONAL)


def message(**options):
    with pytest.raises(ConfigError) as caught:
        check(**options)
    return str(caught.value)


def test_the_required_attributes_are_enough():
    check(path=".cookies")


def test_every_optional_attribute_is_taken_with_its_type():
    check(path="p", maxsize=1, sync=False, timeout=0.5, hosts=["a"], tls={"ca": "x"})


def test_an_integer_is_a_number():
    check(path="p", timeout=5)


def test_without_attributes_of_its_own_a_store_takes_type_alone():
    check_options({"type": "memory"})
    with pytest.raises(ConfigError, match='"path" in the store item: expected one of "type"'):
        check_options({"type": "memory", "path": "p"})


def test_a_missing_attribute_is_named_with_what_belongs_there():
    assert message() == '"path" in the store item: expected a string, found nothing'


def test_an_empty_required_string_is_as_good_as_missing():
    assert message(path="") == (
        '"path" in the store item: expected a string that is not empty, found ""'
    )


def test_a_string_with_a_nul_is_refused():
    assert message(path="a\0b") == (
        '"path" in the store item: expected a string without NUL, found "a\\u0000b"'
    )


def test_an_unknown_attribute_is_answered_with_the_nearest_and_with_all():
    assert message(path="p", maxsiez=1) == (
        '"maxsiez" in the store item: expected one of "hosts", "maxsize", "path", "sync",'
        ' "timeout", "tls", "type", found an unknown attribute (did you mean "maxsize"?)'
    )


def test_a_misspelt_required_attribute_is_told_before_it_is_missed():
    assert 'did you mean "path"?' in message(paht="p")


def test_no_nearest_attribute_is_made_up_where_none_is_near():
    assert "did you mean" not in message(path="p", zzz=1)


def test_a_key_that_is_no_string_is_an_unknown_attribute():
    with pytest.raises(ConfigError, match=r'^"7" in the store item: expected one of "path"'):
        check_options({"type": "lmdb", "path": "p", 7: 1}, REQUIRED)


@pytest.mark.parametrize(
    ("attribute", "found", "shown", "expected"),
    [
        ("path", 3, "an integer", "a string"),
        ("path", None, "null", "a string"),
        ("maxsize", "64 GB", "a string", "an integer"),
        ("maxsize", True, "true", "an integer"),
        ("maxsize", 1.5, "a number", "an integer"),
        ("sync", 1, "an integer", "true or false"),
        ("sync", "yes", "a string", "true or false"),
        ("timeout", False, "false", "a number"),
        ("hosts", "a", "a string", "a list"),
        ("tls", [], "a list", "a mapping"),
    ],
)
def test_a_wrong_type_is_named_with_what_was_expected_and_what_was_found(
    attribute, found, shown, expected
):
    assert message(**{"path": "p", attribute: found}) == (
        f'"{attribute}" in the store item: expected {expected}, found {shown}'
    )


def test_nothing_of_a_value_of_a_wrong_type_is_shown():
    assert "secret" not in message(path=["sql://user:secret@host"])
    assert "secret" not in message(path={"password": "secret"})
    assert "secret" not in message(path="p", maxsize="secret")


def test_of_a_value_of_the_right_type_what_may_be_secret_is_not_shown():
    assert str(wrong_option("url", "redis://joe:secret@host", "no Redis")) == (
        '"url" in the store item: expected no Redis, found "redis://***@host"'
    )
    assert str(wrong_option("sslpassword", "secret", "a longer one")) == (
        '"sslpassword" in the store item: expected a longer one, found a string'
    )


def test_a_key_is_shown_without_what_may_be_secret():
    with pytest.raises(ConfigError) as caught:
        check(path="p", **{"redis://joe:secret@host": 1})
    assert str(caught.value).startswith('"redis://***@host" in the store item: ')


def test_a_store_words_its_own_limits_in_the_same_way():
    assert str(wrong_option("maxsize", 0, "a number of bytes, at least 1048576")) == (
        '"maxsize" in the store item: expected a number of bytes, at least 1048576, found 0'
    )
    assert str(wrong_url("no host", "a URL such as redis://host")) == (
        '"url" in the store item: expected a URL such as redis://host, found no host'
    )


def test_a_timeout_has_a_default_and_bounds():
    assert timeout_of({}) == 5
    assert [timeout_of({"timeout": each}) for each in (0.1, 3600)] == [0.1, 3600]
    for wrong in (0.09, 3601, float("nan")):
        with pytest.raises(ConfigError) as caught:
            timeout_of({"timeout": wrong})
        assert str(caught.value) == (
            '"timeout" in the store item: expected a number of seconds from 0.1 to 3600, '
            f"found {wrong}"
        )
