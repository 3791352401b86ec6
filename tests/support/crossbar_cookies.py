"""
Makes cookies by Crossbar's own stores, in a process of its own: `main` prints them as JSON.

    python -m tests.support.crossbar_cookies file|database PATH COUNT

Of each four, one never logged in, one is a user's, one is anonymous and one was logged out.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MAX_AGE = 86_400


def make_cookies(kind: str, path: Path, count: int) -> list[dict[str, Any]]:
    """The cookies that are good afterwards: `value`, and `authid` (None: no login)."""
    command = [sys.executable, "-m", __name__, kind, str(path), str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    kind, path, count = sys.argv[1:]
    from crossbar.router import cookiestore

    config = {"max_age": MAX_AGE, "store": {"type": kind}}
    made = {
        "file": cookiestore.CookieStoreFileBacked,
        "database": cookiestore.CookieStoreDatabaseBacked,
    }[kind](path, config)
    print(json.dumps([each for n in range(int(count)) if (each := _make(made, n))]))


def _make(store: Any, number: int) -> dict[str, Any] | None:
    value, _ = store.create()
    match number % 4:
        case 1:
            extra = {"number": number, "x_cb_peer": f"tcp4:192.0.2.1:{number}"}
            store.setAuth(value, f"user{number}", "user", "wampcra", extra, "realm1")
            return {"value": value, "authid": f"user{number}", "authextra": {"number": number}}
        case 2:
            store.setAuth(value, value, "anonymous", "anonymous", {}, "realm1")
        case 3:
            store.setAuth(value, "mary", "user", "ticket", None, "realm1")
            store.delAuth(value)
            return None
    return {"value": value, "authid": None}


if __name__ == "__main__":
    main()
