"""What is nested too deeply is refused by every encoder: none of them recurses into it."""

import subprocess
import sys

import pytest

SCRIPT = """
import os
import sys
from importlib import import_module
from cookietrack_plugin.testing.samples import make_auth, make_cookie
sys.setrecursionlimit(100_000)
module, name, argument = sys.argv[1:]
extra = {}
for _ in range(30_000):
    extra = {"a": [extra]}
cookie = make_cookie(1, make_auth(authextra=extra))
function = getattr(import_module(f"cookietrack_plugin.stores.{module}"), name)
try:
    function({"cookie": cookie, "auth": cookie.auth, "extra": extra}[argument])
except ValueError as error:
    print(error, flush=True)
# Whatever becomes of the data is of no interest.
os._exit(0)
"""


@pytest.mark.parametrize(
    "function",
    [
        ("kit.codec", "encode", "cookie"),
        ("file.encoding", "encode", "cookie"),
        ("sql.tables", "_encode", "extra"),
        ("memory", "_copy_auth", "auth"),
    ],
)
def test_an_encoder_refuses_it_and_the_process_goes_on(function):
    run = [sys.executable, "-c", SCRIPT, *function]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (
        0,
        "the authextra is nested deeper than 200 levels",
    )
