"""The unit, the image and the pods of `node_examples/deploy`, as far as a machine can check."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cookietrack_plugin.router.launcher import PERSONALITIES
from cookietrack_plugin.router.newnode import HEALTH_PORT, PAGE
from servers.ports import free_port
from servers.process import program
from tests.install.conftest import SOURCES
from tests.support.certificates import write_certificate
from tests.support.containers import Engine
from tests.support.http import HttpClient
from tests.support.markdown import TOP, blocks, typed_lines
from tests.support.missing import missing
from tests.support.node import accepts, wait_for
from tests.support.users import need_root, open_folder

DEPLOY = TOP / "node_examples" / "deploy"
UNIT = (DEPLOY / "crossbar-cookietrack.service").read_text()
STATES = "/node/.crossbar"
CONTAINERS = TOP / "docs" / "howto" / "containers.md"


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    if not (analyze := shutil.which("systemd-analyze")):
        missing("systemd-analyze is not installed")
    unit = tmp_path / "crossbar-cookietrack.service"
    # The programs that it names are not on this machine.
    unit.write_text(re.sub(r"/opt/crossbar/bin/\S+", "/bin/true", UNIT))
    command = [analyze, "verify", "--man=no", "--recursive-errors=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_unit_has_what_the_page_says() -> None:
    settings = dict(re.findall(r"^(\w+)=(.*)$", UNIT, re.MULTILINE))
    assert settings["SuccessExitStatus"] == "1"
    assert settings["Restart"] == "always"
    assert settings["KillMode"] == "mixed"
    assert settings["StateDirectory"] == settings["User"] == "crossbar"
    for command in (settings["ExecStartPre"], settings["ExecStart"]):
        assert shlex.split(command)[-1].startswith(settings["WorkingDirectory"])


def instructions() -> list[tuple[str, str]]:
    """Of the Containerfile: each with what it is given, on one line."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Containerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    words = [line.partition(" ") for line in lines if line]
    return [(word, rest.strip()) for word, _, rest in words]


def test_the_image_is_what_linters_ask_for() -> None:
    found = instructions()
    known = "FROM RUN COPY ENV USER WORKDIR VOLUME EXPOSE STOPSIGNAL ENTRYPOINT CMD"
    assert {word for word, _ in found} <= set(known.split())
    for image in (rest for word, rest in found if word == "FROM"):
        assert re.fullmatch(r"docker\.io/library/\S+:\d[\w.-]*( AS \w+)?", image)
    stages = re.findall(r"AS (\w+)", " ".join(rest for word, rest in found if word == "FROM"))
    for source in re.findall(r"--from=(\w+)", " ".join(rest for _, rest in found)):
        assert source in stages
    for command in (rest for word, rest in found if word == "RUN" and "pip install" in rest):
        assert "--no-cache-dir" in command
    last = dict(found)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last["USER"])
    assert last["CMD"].split('"')[-2] == STATES
    assert last["VOLUME"] == last["WORKDIR"] == str(Path(STATES).parent)
    assert last["ENTRYPOINT"] == '["crossbar-cookietrack"]'


def test_the_pod_fits_the_image() -> None:
    pods, service = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    pod: dict[str, Any] = pods["spec"]["template"]["spec"]
    [container] = pod["containers"]
    image = dict(instructions())
    user = int(image["USER"].partition(":")[0])
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == user
    assert container["args"] == re.findall(r'"([^"]*)"', image["CMD"])
    assert container["args"][0] not in PERSONALITIES
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert [str(port) for port in ports.values()] == image["EXPOSE"].split()
    assert ports["health"] == HEALTH_PORT
    assert service["spec"]["ports"][0]["targetPort"] in ports
    mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert mounted["state"] == STATES
    # What `init` makes, from what the page names.
    assert mounted["config"] == f"{STATES}/config.json"
    assert mounted["page"] == str(Path(STATES).parent / PAGE)
    named = {each["name"]: each for each in pod["volumes"]}
    lines = "\n".join(typed_lines(CONTAINERS))
    assert f"secret generic {named['config']['secret']['secretName']} " in lines
    assert f"configmap {named['page']['configMap']['name']} " in lines
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    [claim] = pods["spec"]["volumeClaimTemplates"]
    volumes = {each["name"] for each in pod["volumes"]} | {claim["metadata"]["name"]}
    assert set(mounted) == volumes


def test_the_probes_ask_the_service_of_the_page() -> None:
    pods, _ = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    [container] = pods["spec"]["template"]["spec"]["containers"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    [shown] = blocks(CONTAINERS, "json")
    for probe in ("livenessProbe", "readinessProbe"):
        asked = container[probe]["httpGet"]
        assert asked["path"] in ("/healthz", "/readyz")
        assert f'"port": {ports[asked["port"]]}' in shown


def test_the_image_is_made_of_what_the_clone_has() -> None:
    (build,) = (line for line in typed_lines(CONTAINERS) if line.startswith("podman build "))
    file, context = re.fullmatch(r".* -f (\S+) (\S+)", build).groups()  # type: ignore[union-attr]
    assert TOP / file == DEPLOY / "Containerfile"
    copied = [rest.split() for word, rest in instructions() if word == "COPY"]
    sources = [name for words in copied if words[0] != "--from=build" for name in words[:-1]]
    # As the wheel is built.
    assert sorted(sources) == sorted(SOURCES)
    assert [name for name in sources if not (TOP / context / name).exists()] == []


@pytest.fixture
def engine() -> Iterator[Engine]:
    need_root()
    with open_folder() as folder:
        engine = Engine(folder / "volume", dict(instructions()))
        yield engine
        engine.stop()


@pytest.mark.node
def test_a_node_of_init_runs_in_the_container_of_the_page(engine: Engine, tmp_path: Path) -> None:
    lines = [line for line in typed_lines(CONTAINERS) if line.startswith("podman ")]
    _, init, start, ls, diagnose, stop, take, put, check, restart = lines
    printed = engine.type(init, tmp_path)
    assert "Log in as alice with ticket " in printed
    engine.type(take, tmp_path)
    page, health = use_free_ports(tmp_path / "config.json")
    engine.type(put, tmp_path)
    assert "looks good" in engine.type(check, tmp_path)
    engine.type(start, tmp_path)
    assert_serves(engine, page, health)
    assert "0 cookies" in engine.type(ls, tmp_path)
    assert "lmdb" in engine.type(diagnose, tmp_path)
    engine.type(restart, tmp_path)
    assert_serves(engine, page, health)
    engine.type(stop, tmp_path)


def assert_serves(engine: Engine, page: int, health: int) -> None:
    """The node starts, shows its page, and is ready."""
    wait_for(lambda: engine.ended() or (accepts(page) and accepts(health)), "the node listens")
    assert not engine.ended(), engine.said()
    assert b"client.js" in HttpClient(page).ask("/").body
    assert HttpClient(health).ask("/readyz").status == 200


def use_free_ports(path: Path) -> tuple[int, int]:
    """Alter the configuration to ports that are free: of the page, and of the health checks."""
    config = json.loads(path.read_text())
    endpoints = [each["endpoint"] for each in config["workers"][0]["transports"]]
    for endpoint in endpoints:
        endpoint["port"] = free_port()
    path.write_text(json.dumps(config))
    page, health = (endpoint["port"] for endpoint in endpoints)
    return page, health


@pytest.mark.server
def test_nginx_accepts_the_server_of_the_page(tmp_path: Path) -> None:
    [shown] = blocks(TOP / "docs" / "howto" / "tls.md", "nginx")
    certificate, key = write_certificate(tmp_path, (os.geteuid(), os.getegid()))
    server = shown.replace("listen 443", f"listen {free_port()}")
    server = server.replace("/etc/ssl/app.example.com.crt", str(certificate))
    server = server.replace("/etc/ssl/app.example.com.key", str(key))
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{server}}}\n"
    )
    command = [program("nginx", "nginx-light"), "-t", "-e", "stderr", "-p", tmp_path]
    done = subprocess.run(
        [*command, "-c", tmp_path / "nginx.conf"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr
