"""What a release is made of, without making one."""

import gzip
import re
import runpy
import subprocess
import sys
import tarfile
from configparser import ConfigParser
from pathlib import Path

import pytest

from tools import release

ROOT = Path(__file__).parents[1]
FRAGMENTS = sorted((ROOT / "changelog.d").glob("*.md"))
NOON = 1_700_000_000


def make_sdist(path, owner, moment, names=("b.py", "a.py")):
    with (
        gzip.GzipFile(str(path), "wb", mtime=moment) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for name in names:
            member = tarfile.TarInfo(f"x-1/{name}")
            member.mtime, member.uid, member.uname = moment, owner, f"user{owner}"
            member.mode = 0o600
            tar.addfile(member)
    return path


def test_two_archives_of_the_same_files_become_the_same(tmp_path):
    one = make_sdist(tmp_path / "one.tar.gz", 1, 10)
    two = make_sdist(tmp_path / "two.tar.gz", 2, 20, ("a.py", "b.py"))
    assert release.digest(one) != release.digest(two)
    for each in (one, two):
        release.normalise(each, NOON)
    assert release.digest(one) == release.digest(two)
    with tarfile.open(one) as tar:
        members = tar.getmembers()
    assert [(each.name, each.mtime, each.mode, each.uname) for each in members] == [
        ("x-1/a.py", NOON, 0o644, ""),
        ("x-1/b.py", NOON, 0o644, ""),
    ]


def test_builds_that_differ_are_not_released(tmp_path):
    paths = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for file in ("same.whl", "other.whl"):
            (tmp_path / name / file).write_text(name if file == "other.whl" else "")
        paths.append([tmp_path / name / "same.whl", tmp_path / name / "other.whl"])
    release.check_same(paths[0], paths[0])
    with pytest.raises(SystemExit, match=r"found differences in .*other\.whl"):
        release.check_same(*paths)


def test_a_command_that_fails_ends_the_release_with_what_it_has_said():
    with pytest.raises(SystemExit, match="no good"):
        release.run(sys.executable, "-c", "import sys; sys.exit('no good')")


def test_a_bill_of_materials_has_no_references_that_are_no_urls():
    urls = ["https://example.com", "git@example.com:x.git", "UNKNOWN", "git+ssh://example.com"]
    content = {"components": [{"externalReferences": [{"url": url} for url in urls]}, {}]}
    found = release.without_addresses(content)["components"]
    assert [each["url"] for each in found[0]["externalReferences"]] == [urls[0], urls[3]]


def test_what_is_released_has_its_checksum(tmp_path, monkeypatch):
    monkeypatch.setattr(release, "DIST", tmp_path / "dist")
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "old.whl").touch()
    (tmp_path / "x.whl").write_text("wheel")
    release.publish([tmp_path / "x.whl"])
    assert sorted(path.name for path in release.DIST.iterdir()) == ["SHA256SUMS", "x.whl"]
    subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=release.DIST, check=True)


@pytest.fixture
def settings():
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_the_package_says_who_made_it_and_under_which_licence(settings):
    metadata = settings["metadata"]
    assert metadata["license_expression"] == "EUPL-1.2"
    assert "SPDX-License-Identifier: EUPL-1.2\n" in (ROOT / "LICENSE").read_text()
    assert metadata["author"]
    assert "crossbar" in metadata["keywords"].split(", ")
    assert "https://" in metadata["project_urls"]


def test_its_description_on_an_index_points_to_no_file_of_the_repository():
    description = runpy.run_path(str(ROOT / "setup.py"))["description"]
    written = "![A page](docs/a.png) [the page](docs/a.md#b) [![x](y.png)](z) [it](https://a.b/c)"
    assert description(written) == " the page  [it](https://a.b/c)"
    readme = (ROOT / "README.md").read_text()
    targets = re.findall(r"\]\(([^)]*)\)", description(readme))
    assert targets
    assert [each for each in targets if not each.startswith("https://")] == []


def test_every_extra_of_a_store_is_in_the_bill_of_materials(settings):
    not_for_nodes = {"sql", "testing", "bench", "docs", "dev", "release"}
    extras = set(settings["options.extras_require"]) - not_for_nodes
    assert set(release.EXTRAS.split(",")) == extras


def test_a_fragment_has_a_name_that_the_changelog_can_be_built_of():
    pattern = re.compile(r"\d+\.(feature|bugfix|doc|removal|misc)\.\d+\.md")
    assert FRAGMENTS
    assert [path.name for path in FRAGMENTS if not pattern.fullmatch(path.name)] == []
    assert [path.name for path in FRAGMENTS if not path.read_text().strip()] == []


def test_the_changelog_can_be_built_and_was_with_every_fragment():
    command = [Path(sys.executable).parent / "towncrier", "build", "--draft", "--version", "9.9"]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    plain = " ".join(built.split())
    kept = " ".join((ROOT / "CHANGELOG.md").read_text().split())
    for path in FRAGMENTS:
        begins = " ".join(path.read_text().split())[:60]
        assert begins in plain
        assert begins in kept, "rm CHANGELOG.md; towncrier build --keep"
