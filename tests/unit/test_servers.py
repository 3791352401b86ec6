"""A test without the server that it needs."""

import pytest

from servers.process import NotInstalled, program
from tests.conftest import skipping_without_server


def test_a_missing_program_is_named_with_its_package():
    with pytest.raises(NotInstalled, match=r"no-such-server .* \(Debian's package: nothing\)"):
        program("no-such-server", "nothing")


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail), ("", pytest.skip)])
def test_without_it_a_test_is_skipped_and_fails_in_ci(ci, outcome, monkeypatch):
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome.Exception, match="missing"), skipping_without_server():
        raise NotInstalled("missing")
