"""Reads one job a line from standard input, does it, and writes its result as a line of JSON."""

import json
import sys
import traceback
from typing import Any

from benchmarks.load import jobs, kept, revoked


def main() -> None:
    held = jobs.Held()
    doing = {
        "visits": jobs.visits,
        "strangers": jobs.strangers,
        "requests": kept.ask,
        "collect": jobs.collect,
        "calls": jobs.calls,
        "stall": jobs.stall,
        "procedure": jobs.procedure,
        "revoke_crowd": revoked.crowd,
        "revoke_many": revoked.many,
        "hold": held.hold,
        "release": held.release,
    }
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps(_outcome(doing[job.pop("do")], job)), flush=True)


def _outcome(action: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"result": action(**arguments)}
    except Exception:  # noqa: BLE001 - it is the answer
        return {"error": traceback.format_exc()}


if __name__ == "__main__":
    main()
