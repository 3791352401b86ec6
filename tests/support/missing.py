"""Tests of what this machine lacks."""

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip the test, but fail it on a machine that has to have everything."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(what)
