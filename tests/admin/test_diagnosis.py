"""`cookietrack diagnose`: each check, when all is well and when it is not."""

import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from types import SimpleNamespace

import pytest
from zope.interface import alsoProvides

from cookietrack_plugin.admin import filesystem, servertime, software
from cookietrack_plugin.admin.filesystem import mount_type
from cookietrack_plugin.admin.mending import make_private
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import IServerTime
from cookietrack_plugin.stores.file.provider import FileProvider
from cookietrack_plugin.testing.process import StoreProcess
from tests.admin.conftest import JOE, make_cookie, node_config, node_process, snapshot

LMDB = {"type": "lmdb", "path": ".cookies"}
FILE = {"type": "file", "filename": "cookies.dat"}


@pytest.fixture
def diagnose(run):
    """The findings for these words: pairs of level and message by what they are about."""

    def diagnose(*words, code=0):
        answer = run("diagnose", *words, "--json")
        assert answer.code == code, answer.out
        found = {}
        for each in answer.json:
            found.setdefault(each["about"], []).append((each["level"], each["message"]))
        return found

    return diagnose


def test_a_healthy_node_has_nothing_but_ok(run, make_node, stores):
    node = make_node(node_config(LMDB))
    stores.make("lmdb:node/.cookies", [make_cookie("joe", JOE)])
    answer = run("diagnose", str(node))
    assert answer.code == 0
    assert {line.split()[0] for line in answer.out.splitlines()} == {"ok"}
    for part in (
        f"configuration: {node}/config.json",
        "node: is not running",
        "worker001/transport001: its cookie item is right",
        "only its owner can read it",
        "free on its disk",
        "1 cookie, ",
    ):
        assert part in answer.out


def test_versions_of_everything_that_matters_are_told(diagnose, make_node):
    found = diagnose(str(make_node(node_config(LMDB))))
    assert found["crossbar"] == [("ok", version("crossbar"))]
    assert found["python"][0][1] == ".".join(map(str, sys.version_info[:3]))
    assert f"lmdb {version('lmdb')}" in found["drivers"][0][1]


def test_a_crossbar_that_is_too_old_or_not_there_is_an_error(diagnose, monkeypatch, make_node):
    versions = {"crossbar": "25.11.2"}

    def fake(name):
        if name == "twisted":
            raise PackageNotFoundError(name)
        return versions.get(name) or version(name)

    monkeypatch.setattr(software, "version", fake)
    found = diagnose(str(make_node(node_config(LMDB))), code=1)
    old = "25.11.2, but 25.12.1 is the oldest that is supported: pip install --upgrade crossbar"
    assert found["crossbar"] == [("error", old)]
    assert found["twisted"] == [("error", "is not installed: pip install twisted")]


def test_a_node_that_runs_is_told_with_its_pid(diagnose, make_node):
    node = make_node(node_config(LMDB))
    with node_process(node) as pid:
        assert diagnose(str(node))["node"] == [("ok", f"is running (pid {pid})")]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "is no valid configuration"),
        ({"workers": []}, "has a cookie item"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_an_error(diagnose, make_node, config, message):
    found = diagnose(str(make_node(config)), code=1)
    assert found["configuration"][-1][0] == "error"
    assert message in found["configuration"][-1][1]


def test_a_wrong_cookie_item_is_an_error_and_the_others_are_checked(diagnose, make_node):
    config = node_config(LMDB, {"type": "lmdp"}, {**LMDB, "maxsize": "big"})
    found = diagnose(str(make_node(config)), code=1)
    assert found["worker001/transport001"][0][0] == "ok"
    assert "Did you mean 'lmdb'?" in found["worker001/transport002"][0][1]
    assert '"maxsize" in the store item' in found["worker001/transport003"][0][1]
    assert [about for about in found if about.startswith("lmdb:")]


def test_a_store_that_is_not_there_yet_is_no_fault(diagnose, here, make_node):
    node = make_node(node_config(LMDB))
    before = snapshot(here)
    found = diagnose(str(node))[f"lmdb:{node}/.cookies"]
    assert ("ok", "is not there yet, and made when the node starts") in found
    assert snapshot(here) == before


def test_a_store_that_cannot_be_read_is_an_error(diagnose, here, make_node):
    node = make_node(node_config(FILE))
    (node / "cookies.dat").write_text("Dear Sir or Madam\n")
    found = diagnose(str(node), code=1)[f"file:{node}/cookies.dat"]
    assert [level for level, message in found if "is no cookie file" in message] == ["error"]


def test_a_store_that_a_node_has_open_is_no_fault(diagnose, here):
    process = StoreProcess(FileProvider, FILE, str(here))
    try:
        process.open()
        found = diagnose("file:cookies.dat")[f"file:{here}/cookies.dat"]
    finally:
        process.kill()
    [message] = [message for _, message in found if "in use" in message]
    assert str(process.pid) in message
    assert "error" not in [level for level, _ in found]


def test_a_store_that_others_can_read_is_a_warning(diagnose, here, stores):
    stores.make("file:cookies.dat", [])
    os.chmod(here / "cookies.dat", 0o644)
    found = diagnose("file:cookies.dat")[f"file:{here}/cookies.dat"]
    told = f"users other than its owner can use it: chmod -R go-rwx {here}/cookies.dat"
    assert ("warning", told) in found


def test_a_directory_that_is_no_store_is_left_as_it_is(run, here):
    """Somebody may have named a home directory."""
    (here / "home").mkdir(mode=0o755)
    (here / "home" / "letter").write_text("Dear Sir or Madam")
    (here / "home" / "letter").chmod(0o644)
    answer = run("diagnose", "lmdb:home", "--fix")
    assert answer.code == 1
    assert "mended" not in answer.out
    assert "--fix" not in answer.out
    assert [each.stat().st_mode & 0o777 for each in (here / "home", here / "home" / "letter")] == [
        0o755,
        0o644,
    ]


@pytest.mark.parametrize(
    ("free", "level"), [(2**30, "ok"), (50 * 2**20, "warning"), (5 * 2**20, "error")]
)
def test_a_disk_that_runs_full_is_told_in_time(diagnose, here, stores, monkeypatch, free, level):
    stores.make("file:cookies.dat", [])
    monkeypatch.setattr(filesystem.psutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    found = diagnose("file:cookies.dat", code=level == "error")[f"file:{here}/cookies.dat"]
    assert [each for each, message in found if "free on its disk" in message] == [level]


def test_a_clock_in_the_past_is_an_error(diagnose, here, stores, monkeypatch):
    stores.make("file:cookies.dat", [])
    monkeypatch.setattr(filesystem, "now_ms", lambda: 0)
    [(level, message)] = diagnose("file:cookies.dat", code=1)["clock"]
    assert level == "error"
    assert "is in the past, and cookies expire by the clock" in message


def test_a_file_from_the_future_is_a_clock_that_was_set_back(diagnose, here, stores):
    stores.make("file:cookies.dat", [])
    os.utime(here / "cookies.dat", (2**32, 2**32))
    found = diagnose("file:cookies.dat")[f"file:{here}/cookies.dat"]
    assert [level for level, message in found if "the clock was set back" in message] == ["warning"]


def mount(monkeypatch, *mounts):
    """These file systems, by where they are and their type."""
    found = [SimpleNamespace(mountpoint=point, fstype=kind) for point, kind in mounts]
    monkeypatch.setattr(filesystem.psutil, "disk_partitions", lambda all: found)


def test_a_network_file_system_is_a_warning(diagnose, here, stores, monkeypatch):
    stores.make("lmdb:.cookies", [])
    mount(monkeypatch, ("/", "ext4"), (str(here), "nfs4"))
    found = diagnose("lmdb:.cookies")[f"lmdb:{here}/.cookies"]
    [(level, message)] = [each for each in found if "network" in each[1]]
    assert level == "warning"
    assert "(nfs4)" in message


def test_the_file_system_of_a_path_is_that_of_the_nearest_mount(monkeypatch):
    mount(monkeypatch, ("/", "ext4"), ("/srv", "nfs"), ("/srv/my node", "xfs"), ("/srv", "cifs"))
    kinds = {"/srv/my node/x": "xfs", "/srv/other": "cifs", "/srvx": "ext4", "/": "ext4"}
    assert {path: mount_type(path) for path in kinds} == kinds


def test_without_proc_the_file_system_is_not_known(monkeypatch):
    def refuse(all):
        raise FileNotFoundError("/proc/self/mounts")

    monkeypatch.setattr(filesystem.psutil, "disk_partitions", refuse)
    assert mount_type("/srv") == ""


def test_the_root_of_this_machine_has_a_file_system():
    assert mount_type("/")


def test_a_store_that_is_almost_full_is_a_warning(diagnose, here, stores):
    stores.make("lmdb:.cookies", [make_cookie(str(n)) for n in range(20_000)])
    bytes_ = (here / ".cookies" / "data.mdb").stat().st_size
    name = "lmdb:" + json.dumps({"path": ".cookies", "maxsize": bytes_ + 1})
    found = diagnose(name)[f"lmdb:{here}/.cookies"]
    assert [level for level, message in found if message.endswith("raise maxsize")] == ["warning"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ('lmdb:{"path": "x", "nonsense": 1}', '"nonsense" in the store item'),
        ("lmdb:letter/x", "it cannot be made: {here}/letter is no directory"),
        ("file:letter/x", "it cannot be made: {here}/letter is no directory"),
    ],
)
def test_a_store_that_can_never_be_made_is_an_error(diagnose, here, name, message):
    (here / "letter").write_text("Dear Sir or Madam")
    found = [each for findings in diagnose(name, code=1).values() for each in findings]
    [error] = [text for level, text in found if level == "error"]
    assert message.format(here=here) in error
    assert "is not there yet" not in str(found)


def two_workers(store):
    config = node_config(store)
    return {**config, "workers": config["workers"] * 2}


def test_a_file_that_two_workers_name_is_an_error(diagnose, make_node):
    node = make_node(two_workers(FILE))
    found = diagnose(str(node), code=1)[f"file:{node}/cookies.dat"]
    [message] = [message for level, message in found if level == "error"]
    assert message.startswith("expected one worker to name it")
    assert message.endswith("found worker001, worker002: use a type that workers share")


def test_a_memory_store_in_two_workers_is_a_warning(diagnose, make_node):
    found = diagnose(str(make_node(two_workers({"type": "memory"}))))["memory"]
    assert [level for level, message in found if "a memory of its own" in message] == ["warning"]


def test_an_lmdb_store_in_two_workers_is_fine(diagnose, make_node):
    found = diagnose(str(make_node(two_workers(LMDB))))
    assert {level for findings in found.values() for level, _ in findings} == {"ok"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "'nowhere' is neither a node directory nor a store"),
        (["lmdp:x"], "unknown store type 'lmdp'"),
        (["lmdb:x", "--transport", "y"], "--transport chooses in a node directory"),
    ],
)
def test_a_name_that_stands_for_nothing_is_an_error(diagnose, words, message):
    [(level, found)] = diagnose(*words, code=1)["configuration"]
    assert level == "error"
    assert message in found


def administration(**component):
    classname = "cookietrack_plugin.router.component.CookieAdministration"
    return {"type": "class", "classname": classname, "realm": "realm1", **component}


def test_a_component_that_administers_a_store_of_the_node_is_fine(diagnose, make_node):
    config = node_config(LMDB)
    config["workers"][0]["components"] = [administration(extra={"store": LMDB})]
    found = diagnose(str(make_node(config)))
    told = "administers a store that a transport names"
    assert found["worker001/component001"] == [("ok", told)]


def test_a_component_with_a_store_that_no_transport_names_is_an_error(diagnose, make_node):
    config = node_config(LMDB)
    config["workers"][0]["components"] = [administration(extra={"store": FILE}, id="mine")]
    [(level, message)] = diagnose(str(make_node(config)), code=1)["worker001/mine"]
    assert level == "error"
    assert message == (
        '"store" in the "extra" of CookieAdministration: expected {"type": "lmdb", "path":'
        ' ".cookies"} (worker001/transport001), found {"type": "file", "filename": "cookies.dat"},'
        " which no transport names"
    )


def test_a_component_is_checked_where_one_transport_is_looked_at(diagnose, make_node):
    """Its store may be that of another transport."""
    config = node_config(LMDB, FILE)
    config["workers"][0]["components"] = [administration(extra={"store": FILE})]
    found = diagnose(str(make_node(config)), "--transport", "worker001/transport001")
    assert [level for level, _ in found["worker001/component001"]] == ["ok"]


@pytest.fixture
def server(observed, run):
    """A store on a server, which tells its time."""
    run("ls", "observed:x")
    alsoProvides(observed["x"], IServerTime)
    return observed["x"]


@pytest.mark.parametrize(
    ("ahead", "level", "message"),
    [
        (0, "ok", "this machine's clock is within 0.0 seconds of its server's"),
        (1_900, "ok", "this machine's clock is within 1.9 seconds of its server's"),
        (2_100, "warning", "this machine's clock is 2.1 seconds behind its server's,"),
        (-300_000, "warning", "this machine's clock is 300.0 seconds ahead of its server's,"),
    ],
)
def test_a_clock_that_differs_from_the_servers_is_a_warning(
    diagnose, server, monkeypatch, ahead, level, message
):
    monkeypatch.setattr(servertime, "now_ms", lambda: 1_700_000_000_000)
    monkeypatch.setattr(servertime, "monotonic", lambda: 0.0)
    server.server_time = lambda: 1_700_000_000_000 + ahead
    found = diagnose("observed:x")["observed:x"]
    assert [each for each, text in found if text.startswith(message)] == [level]


def test_half_of_the_round_trip_is_taken_off(diagnose, server, monkeypatch):
    monotonic = iter([10.0, 18.0])
    monkeypatch.setattr(servertime, "monotonic", lambda: next(monotonic))
    monkeypatch.setattr(servertime, "now_ms", lambda: 1_700_000_008_000)
    server.server_time = lambda: 1_700_000_004_000
    found = diagnose("observed:x")["observed:x"]
    assert ("ok", "this machine's clock is within 0.0 seconds of its server's") in found


def test_a_server_that_does_not_tell_the_time_is_an_error(diagnose, server):
    def server_time():
        raise StoreUnavailable("no answer")

    server.server_time = server_time
    assert ("error", "no answer") in diagnose("observed:x", code=1)["observed:x"]


def urgency(answer):
    return [(each["level"], each["message"].split(":")[0]) for each in answer.json]


def test_what_to_do_is_told_in_the_order_of_urgency(run, make_node, stores, monkeypatch):
    node = make_node(two_workers(FILE))
    stores.make("file:node/cookies.dat", [])
    (node / "cookies.dat").chmod(0o644)
    os.utime(node / "cookies.dat", (2**32, 2**32))
    monkeypatch.setattr(
        filesystem.psutil, "disk_usage", lambda path: SimpleNamespace(free=50 * 2**20)
    )
    order = [
        ("error", "expected one worker to name it"),
        ("warning", "users other than its owner can use it"),
        ("warning", "50.0 MiB free on its disk"),
        ("warning", "it was written at"),
    ]
    found = urgency(run("diagnose", str(node), "--json"))
    assert [each for each in found if each[0] != "ok"] == [
        (level, next(text for _, text in found if text.startswith(message)))
        for level, message in order
    ]
    assert {level for level, _ in found[len(order) :]} == {"ok"}
    out = run("diagnose", str(node)).out
    _, _, todo = out.partition("\nWhat to do, the most urgent first:\n")
    *lines, last = todo.splitlines()
    told = [f"{n}. {level}" for n, (level, _) in enumerate(order, 1)]
    assert [line.partition(f" file:{node}")[0].rstrip() for line in lines] == told
    assert [message in line for line, (_, message) in zip(lines, order, strict=True)] == [True] * 4
    assert last == "--fix does 2."


def test_each_message_and_each_file_is_there_once(run, make_node, stores):
    node = make_node(node_config(LMDB))
    stores.make("lmdb:node/.cookies", [])
    for path in (node / ".cookies", *(node / ".cookies").iterdir()):
        path.chmod(0o777)
    out = run("diagnose", str(node)).out
    [line] = [line for line in out.splitlines() if "other than its owner" in line]
    # In its name, and in the command.
    assert line.count(f"{node}/.cookies") == 2
    assert line.endswith(f": chmod -R go-rwx {node}/.cookies")


def test_where_all_is_well_there_is_nothing_to_do(run, make_node):
    assert "What to do" not in run("diagnose", str(make_node(node_config(LMDB)))).out


def test_modes_are_set_right_and_told(run, here, stores):
    stores.make("file:cookies.dat", [])
    (here / "cookies.dat").chmod(0o664)
    answer = run("diagnose", "file:cookies.dat", "--fix")
    assert answer.code == 0
    assert "mended  file:" in answer.out
    assert "What to do" not in answer.out
    assert (here / "cookies.dat").stat().st_mode & 0o777 == 0o600
    assert "mended" not in run("diagnose", "file:cookies.dat", "--fix").out


def test_what_a_link_beside_a_store_leads_to_is_no_part_of_it(run, here, stores):
    stores.make("file:cookies.dat", [])
    (here / "letter").write_text("Dear Sir or Madam")
    (here / "letter").chmod(0o644)
    (here / "cookies.dat.old").symlink_to(here / "letter")
    assert "cookies.dat.old" not in run("diagnose", "file:cookies.dat", "--fix").out
    assert (here / "letter").stat().st_mode & 0o777 == 0o644


def test_a_store_behind_a_link_is_looked_at_where_it_is(run, here, stores):
    stores.make("file:cookies.dat", [])
    (here / "cookies.dat").chmod(0o644)
    (here / "link").symlink_to("cookies.dat")
    assert f"mended  file:{here}/link" in run("diagnose", "file:link", "--fix").out
    assert (here / "cookies.dat").stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_set_right_is_told_and_the_rest_is(run, here, stores):
    stores.make("file:cookies.dat", [])
    (here / "cookies.dat").chmod(0o644)
    (here / "letter").write_text("Dear Sir or Madam")
    (here / "letter").chmod(0o644)
    os.link(here / "letter", here / "cookies.dat.old")
    out = run("diagnose", "file:cookies.dat", "--fix").out
    assert (
        f"(--fix could not: {here}/cookies.dat.old is no regular file, or has several names)" in out
    )
    assert (here / "letter").stat().st_mode & 0o777 == 0o644
    assert (here / "cookies.dat").stat().st_mode & 0o777 == 0o600


def test_a_link_that_has_come_in_between_is_not_followed(here):
    (here / "letter").touch(0o644)
    (here / "link").symlink_to("letter")
    (here / "other").touch(0o644)
    with pytest.raises(OSError, match="symbolic links"):
        make_private([str(here / "link"), str(here / "other")])
    assert (here / "letter").stat().st_mode & 0o777 == 0o644
    assert (here / "other").stat().st_mode & 0o777 == 0o600


def test_places_of_readers_that_were_killed_are_freed(run, here, stores):
    stores.make("lmdb:.cookies", [])
    command = (
        "import os, signal, lmdb\n"
        "env = lmdb.open('.cookies', max_dbs=8)\n"
        "txn = env.begin()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    # Somebody has it open: the last one to leave takes all places along.
    store = stores.open("lmdb:.cookies")
    try:
        subprocess.run([sys.executable, "-c", command], check=False)
        assert store.stale_readers() == 1
        answer = run("diagnose", "lmdb:.cookies", "--fix")
        assert "mended  lmdb:" in answer.out
        assert "1 reader of processes that were killed" in answer.out
        assert store.stale_readers() == 0
    finally:
        store.close()
    assert "killed" not in run("diagnose", "lmdb:.cookies").out


def test_without_being_asked_nothing_is_set_right(run, here, stores):
    stores.make("file:cookies.dat", [])
    (here / "cookies.dat").chmod(0o644)
    [found] = [
        each for each in run("diagnose", "file:cookies.dat", "--json").json if each["mendable"]
    ]
    assert found["level"] == "warning"
    assert (here / "cookies.dat").stat().st_mode & 0o777 == 0o644
