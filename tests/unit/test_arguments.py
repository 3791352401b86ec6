"""Whoever calls a procedure with wrong arguments is told which, and never gives a secret away."""

import pytest
from autobahn.wamp.exception import ApplicationError

from cookietrack_plugin.router.arguments import an_id, checked, ids, limit, name

ID = "n4bQgYhMfWWaL-qgxVrQFaO_"


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
    for wrong in ("é" * 24, "x" * 23 + "\n", "../" * 8, "\ud800" * 24, "\0" * 24, ""):
        assert "24 characters" in refusal(an_id, wrong)


def test_a_string_that_is_no_id_is_not_repeated_as_it_may_be_a_cookies_value():
    value = "kzMsM1fGkWi4pNOiX3b9Fdfa6mJl4Z7H"
    message = refusal(an_id, value)
    assert value not in message
    assert message.endswith("found another string, of 32")


def test_a_name_is_text_that_can_be_stored():
    assert name("authid", "zoë") == "zoë"
    assert refusal(name, "authid", "\ud800") == r"authid must be Unicode text, found '\ud800'"


@pytest.mark.parametrize("wrong", [-1, 0, 10_001, True, 1.0, "5", None])
def test_a_limit_is_a_number_within_bounds(wrong):
    assert refusal(limit, wrong) == f"limit must be an integer from 1 to 10000, found {wrong!r}"
