"""The file store runs the kit for store authors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cookietrack_plugin.stores.file.encoding import to_key
from cookietrack_plugin.stores.file.lines import write_line
from cookietrack_plugin.stores.file.provider import FileProvider
from cookietrack_plugin.testing import DurableStoreSuite


class TestFileStore(DurableStoreSuite):
    provider = FileProvider
    options = {"type": "file", "filename": "cookies.dat", "purge_on_startup": False}
    wrong_options = (
        ("filename", {"type": "file"}),
        ("filename", {"type": "file", "filename": ""}),
        ("filename", {"type": "file", "filename": "a\0b"}),
        ("purge_on_startup", {"type": "file", "filename": "f", "purge_on_startup": 1}),
    )
    lacks = {
        "sharing": "what other processes append would be unknown to the table in memory",
        "feed": "a store that is not shared has nobody to tell",
        "limit": "it grows as long as the disk has room; see test_file_faults",
    }

    def damage(self, options: Mapping[str, Any], node_dir: Path, id: str) -> None:
        with open(node_dir / options["filename"], "ab") as file:
            file.write(write_line(to_key(id), b"[1,not JSON", batch=10**6))

    def plant(self, options: Mapping[str, Any], node_dir: Path) -> None:
        (node_dir / options["filename"]).write_text("# My notes\nbuy milk\n")
