"""A node on the store of `tests/packages/faulty`, which breaks when it is told to."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

FAULTY = {"type": "faulty"}
PACKAGE = Path(__file__).parent.parent / "packages" / "faulty"


class Faults:
    """What all its stores in this node directory do from now on."""

    def __init__(self, node_dir: Path) -> None:
        self._node_dir = node_dir

    def switch(self, **faults: str) -> None:
        """By method; those that are not named work."""
        fresh = self._node_dir / "switch.new"
        fresh.write_text(json.dumps(faults))
        fresh.rename(self._node_dir / "switch")

    @staticmethod
    def environment() -> Mapping[str, str]:
        """Of a node that finds the package."""
        places = [str(PACKAGE), os.environ.get("PYTHONPATH", "")]
        return {"PYTHONPATH": os.pathsep.join(filter(None, places))}
