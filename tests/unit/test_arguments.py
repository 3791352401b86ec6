"""Callers with wrong arguments read which are wrong, and give no secret away."""

import pytest
from autobahn.wamp.exception import ApplicationError

from cookietrack_plugin.router.arguments import an_id, checked, ids, limit, name, user

ID = "n4bQgYhMfWWaL-qgxVrQFaO_"
AN_ID = "id: expected a cookie's id, 24 letters, digits, - and _, found "


def refusal(function, *args, **kwargs):
    with pytest.raises(ApplicationError) as refused:
        function(*args, **kwargs)
    assert refused.value.error == "wamp.error.invalid_argument"
    return refused.value.args[0]


@checked
def procedure(id, limit=1, *, details=None):
    return id, limit, details


def test_right_arguments_reach_the_procedure():
    assert procedure("a", limit=2, details="d") == ("a", 2, "d")


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "missing a required argument: 'id'"),
        ((1, 2, 3), {}, "too many positional arguments"),
        ((1,), {"id": 1}, "multiple values for argument 'id'"),
        ((1,), {"authid": 1}, "got an unexpected keyword argument 'authid'"),
    ],
)
def test_arguments_that_do_not_fit_are_wrong_ones(args, kwargs, message):
    assert refusal(procedure, *args, details="d", **kwargs) == message


def test_an_error_of_the_procedure_itself_is_none_of_its_arguments():
    @checked
    def broken():
        raise TypeError("broken")

    with pytest.raises(TypeError, match="broken"):
        broken()


def test_an_id_has_the_form_of_one():
    assert an_id(ID) == ID
    assert ids([ID, ID]) == [ID, ID]
    assert ids(ID) == [ID]
    for wrong in ("é" * 24, "x" * 23 + "\n", "../" * 8, "\ud800" * 24, "\0" * 24):
        assert refusal(an_id, wrong) == f"{AN_ID}another string of length 24"
    assert refusal(an_id, "") == f"{AN_ID}another string of length 0"
    assert refusal(ids, [ID, 5]) == f"{AN_ID}an integer"
    assert refusal(ids, None) == f"{AN_ID}null"


def test_a_string_that_is_no_id_is_not_repeated_as_it_may_be_a_cookies_value():
    value = "kzMsM1fGkWi4pNOiX3b9Fdfa6mJl4Z7H"
    message = refusal(an_id, value)
    assert value not in message
    assert message.endswith("found another string of length 32")


def test_a_name_is_text_that_can_be_stored():
    assert name("authid", "zoë") == "zoë"
    assert user("zoë", None) == ("zoë", None)
    assert refusal(name, "authid", "\ud800") == r"authid: expected Unicode text, found '\ud800'"


@pytest.mark.parametrize(("wrong", "found"), [("", '""'), (7, "an integer"), (["a"], "a list")])
def test_a_name_is_not_empty(wrong, found):
    message = f"expected a string that is not empty, found {found}"
    assert refusal(name, "authid", wrong) == f"authid: {message}"
    assert refusal(user, None, wrong) == f"authrealm: {message}"


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (-1, "-1"),
        (0, "0"),
        (10_001, "10001"),
        (True, "true"),
        (1.0, "a number"),
        ("5", "a string"),
        (None, "null"),
    ],
)
def test_a_limit_is_a_number_within_bounds(wrong, found):
    assert refusal(limit, wrong) == f"limit: expected an integer from 1 to 10000, found {found}"
