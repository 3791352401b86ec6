"""What the wheel says of the package."""

from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.install


def test_the_wheel_describes_itself_without_pointing_into_the_repository(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        [name] = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
        metadata = message_from_bytes(archive.read(name))
    description = metadata.get_payload()
    assert isinstance(description, str)
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert "# cookietrack-plugin" in description
    assert [place for place in ("](docs/", "](node_examples/") if place in description] == []
