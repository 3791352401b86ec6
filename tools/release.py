"""
Builds a release into `dist/`, twice, and lets it out only where both builds are the same.

Sources are those of the last commit, as git has them: what is not committed is not released. Times
are those of that commit (`SOURCE_DATE_EPOCH`, reproducible-builds.org). Then the checks: the
metadata and the README as an index renders it, what the wheel contains, and what it depends on, as
a bill of materials in CycloneDX's format.
"""

import gzip
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
# What a node with every kind of store needs.
EXTRAS = "lmdb,postgresql,mysql,redis,metrics,console,otel"
CHECKSUMS = "SHA256SUMS"
_URL = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def main() -> None:
    """Leaves in `dist/` an sdist, a wheel, a bill of materials, and the checksums of all three."""
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        work = Path(folder)
        built = build(work / "once")
        again = build(work / "twice")
        check_same(built, again)
        run(sys.executable, "-m", "twine", "check", "--strict", *built)
        [wheel] = [path for path in built if path.suffix == ".whl"]
        run("check-wheel-contents", wheel)
        bill = write_bill(wheel, work)
        publish([*built, bill])
    print(f"{DIST}: {', '.join(sorted(path.name for path in DIST.iterdir()))}")


def build(folder: Path) -> list[Path]:
    """The sdist and the wheel of the last commit, built in `folder`."""
    source, dist = folder / "source", folder / "dist"
    export(source)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(commit_time())}
    run(sys.executable, "-m", "build", "--outdir", dist, source, env=environment)
    for sdist in dist.glob("*.tar.gz"):
        normalise(sdist, commit_time())
    return sorted(dist.iterdir())


def export(folder: Path) -> None:
    """The files of the last commit."""
    archive = run("git", "-C", ROOT, "archive", "--format=tar", "HEAD")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")


def commit_time() -> int:
    """Of the last commit, in Unix seconds."""
    return int(run("git", "-C", ROOT, "log", "-1", "--format=%ct"))


def normalise(sdist: Path, moment: int) -> None:
    """
    Rewrite the archive without what differs from build to build: setuptools takes the times and
    the owner of the files, and the moment at which it compresses.
    """
    with tarfile.open(sdist) as tar:
        members = [(each, tar.extractfile(each)) for each in tar.getmembers()]
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as made:
            for member, content in sorted(members, key=lambda pair: pair[0].name):
                member.mtime, member.uid, member.gid = moment, 0, 0
                member.uname = member.gname = ""
                member.pax_headers = {}
                member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
                made.addfile(member, content)
    with sdist.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=moment) as zipped:
        zipped.write(packed.getvalue())


def check_same(built: list[Path], again: list[Path]) -> None:
    """:raises SystemExit: two builds of one commit differ, in which files."""
    first, second = ({path.name: digest(path) for path in paths} for paths in (built, again))
    if different := sorted(dict(first.items() ^ second.items())):
        sys.exit(f"expected the same from two builds, found differences in {', '.join(different)}")


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def write_bill(wheel: Path, work: Path) -> Path:
    """What an environment with the wheel and all its extras consists of, as CycloneDX JSON."""
    environment = work / "environment"
    run(sys.executable, "-m", "venv", environment)
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-compile", f"{wheel}[{EXTRAS}]")
    bill = work / f"{wheel.name.removesuffix('-py3-none-any.whl')}.cdx.json"
    options = ("--output-reproducible", "--no-validate", "--output-file", bill)
    run("cyclonedx-py", "environment", *options, python)
    bill.write_text(valid_bill(bill.read_text()))
    return bill


def valid_bill(text: str) -> str:
    """
    The bill of materials without references that are no URLs: packages name addresses of ssh.

    :raises SystemExit: it is not valid otherwise.
    """
    # Only who makes a release has it.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = json.dumps(without_addresses(json.loads(text)), indent=2) + "\n"
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        sys.exit(f"the bill of materials is not valid: {error.data.message}")
    return text


def without_addresses(content: dict[str, Any]) -> dict[str, Any]:
    """The same without references that have no scheme, such as `git@host:path`."""
    for component in content["components"]:
        references = component.get("externalReferences", [])
        component["externalReferences"] = [each for each in references if _URL.match(each["url"])]
    return content


def publish(paths: list[Path]) -> None:
    """Put the files into `dist/`, with their checksums, and nothing else."""
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    for path in paths:
        shutil.copyfile(path, DIST / path.name)
    lines = [f"{digest(path)}  {path.name}\n" for path in sorted(paths, key=lambda each: each.name)]
    (DIST / CHECKSUMS).write_text("".join(lines))


def run(*command: object, env: dict[str, str] | None = None) -> bytes:
    """
    What a command prints.

    :raises SystemExit: it fails, with what it has said.
    """
    words = list(map(str, command))
    # Those of this environment, which need not be activated.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        words, capture_output=True, check=False, env={**(env or os.environ), "PATH": path}
    )
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace")
        sys.exit(f"{' '.join(words)} failed:\n{said}")
    return done.stdout


if __name__ == "__main__":
    main()
