"""The check of a `store` item says what is wrong in words that its author can act on."""

import pytest

from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.kit.options import check_options, wrong_option

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
    with pytest.raises(ConfigError, match='"path" in cookie store: found an unknown attribute'):
        check_options({"type": "memory", "path": "p"})


def test_a_missing_attribute_is_named_with_what_belongs_there():
    assert message() == '"path" in cookie store: found nothing, required is a string'


def test_an_empty_required_string_is_as_good_as_missing():
    assert message(path="") == (
        "\"path\" in cookie store: found '', allowed is a string that is not empty"
    )


def test_an_unknown_attribute_is_answered_with_the_nearest_and_with_all():
    assert message(path="p", maxsiez=1) == (
        '"maxsiez" in cookie store: found an unknown attribute (did you mean "maxsize"?), '
        'allowed are "hosts", "maxsize", "path", "sync", "timeout", "tls", "type"'
    )


def test_a_misspelt_required_attribute_is_told_before_it_is_missed():
    assert 'did you mean "path"?' in message(paht="p")


def test_no_nearest_attribute_is_made_up_where_none_is_near():
    assert "did you mean" not in message(path="p", zzz=1)


def test_a_key_that_is_no_string_is_an_unknown_attribute():
    with pytest.raises(ConfigError, match=r'^"7" in cookie store: found an unknown attribute'):
        check_options({"type": "lmdb", "path": "p", 7: 1}, REQUIRED)


@pytest.mark.parametrize(
    ("attribute", "found", "shown", "allowed"),
    [
        ("path", 3, "3", "a string"),
        ("path", None, "null", "a string"),
        ("maxsize", "64 GB", "'64 GB'", "an integer"),
        ("maxsize", True, "true", "an integer"),
        ("maxsize", 1.5, "1.5", "an integer"),
        ("sync", 1, "1", "true or false"),
        ("sync", "yes", "'yes'", "true or false"),
        ("timeout", False, "false", "a number"),
        ("hosts", "a", "'a'", "a list"),
        ("tls", [], "a list", "a mapping"),
    ],
)
def test_a_wrong_type_is_told_with_what_was_found_and_what_is_allowed(
    attribute, found, shown, allowed
):
    assert message(**{"path": "p", attribute: found}) == (
        f'"{attribute}" in cookie store: found {shown}, allowed is {allowed}'
    )


def test_what_is_inside_a_container_is_not_shown():
    assert "secret" not in message(path=["sql://user:secret@host"])
    assert "secret" not in message(path={"password": "secret"})


def test_a_store_words_its_own_limits_in_the_same_way():
    assert str(wrong_option("maxsize", 0, "a number of bytes, at least 1048576")) == (
        '"maxsize" in cookie store: found 0, allowed is a number of bytes, at least 1048576'
    )
