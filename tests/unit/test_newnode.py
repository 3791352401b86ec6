"""`crossbar-cookietrack init`: what it makes, and what it leaves alone."""

import json
import re
import stat
import sys

import pytest
from click.testing import CliRunner

from cookietrack_plugin.config.check import check_node
from cookietrack_plugin.router import launcher, newnode
from cookietrack_plugin.router.newnode import init
from cookietrack_plugin.router.personalities.standalone import Personality

PAGES = ["client.js", "index.html", "style.css", "wamp.js"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(init, words)


def content(folder):
    return json.loads((folder / ".crossbar" / "config.json").read_text())


def websocket(folder):
    [transport] = content(folder)["workers"][0]["transports"]
    return transport["paths"]["ws"]


def test_the_node_is_one_that_check_has_nothing_to_say_about(run, tmp_path):
    assert run().exit_code == 0
    assert check_node(content(tmp_path)) == []
    Personality.check_config(Personality, content(tmp_path))


def test_browsers_ask_whether_the_page_was_edited(run, tmp_path):
    """Crossbar lets them keep it for twelve hours otherwise."""
    run()
    [transport] = content(tmp_path)["workers"][0]["transports"]
    assert transport["paths"]["/"]["options"] == {"cache_timeout": 0}


def test_the_cookie_is_hardened_and_its_store_durable(run, tmp_path):
    run("--appdir", "app")
    cookie = websocket(tmp_path / "app")["cookie"]
    assert cookie["name"].startswith("__Host-")
    assert (cookie["secure"], cookie["http_strict"], cookie["same_site"]) == (True, True, "Strict")
    assert cookie["store"] == {"type": "lmdb", "path": ".cookies"}


def test_the_ticket_is_new_each_time_and_nobody_elses_to_read(run, tmp_path):
    tickets = set()
    for name in ("one", "two"):
        answer = run("--appdir", name, "--user", "joe")
        found = websocket(tmp_path / name)["auth"]["ticket"]["principals"]["joe"]["ticket"]
        assert f"Log in as joe with ticket {found}" in answer.output
        assert len(found) >= 22
        tickets.add(found)
        for path in (".crossbar", ".crossbar/config.json"):
            assert stat.S_IMODE((tmp_path / name / path).stat().st_mode) & 0o077 == 0
    assert len(tickets) == 2


def test_what_it_prints_is_what_to_do_next(run, tmp_path):
    out = run("--appdir", "app", "--port", "9000").output
    assert "    crossbar-cookietrack check --cbdir app/.crossbar\n" in out
    assert "    crossbar-cookietrack start --cbdir app/.crossbar\n" in out
    assert "    http://localhost:9000\n" in out
    [transport] = content(tmp_path / "app")["workers"][0]["transports"]
    assert transport["endpoint"] == {"type": "tcp", "interface": "127.0.0.1", "port": 9000}


def test_in_a_container_others_reach_it_and_ask_for_its_health(run, tmp_path):
    assert run("--container", "--port", "9000").exit_code == 0
    assert check_node(content(tmp_path)) == []
    page, health = content(tmp_path)["workers"][0]["transports"]
    assert page["endpoint"] == {"type": "tcp", "port": 9000}
    assert health["endpoint"] == {"type": "tcp", "port": 8081}
    assert health["paths"] == {"/": {"type": "cookietrack-metrics"}}


def test_a_container_has_its_health_at_a_port_of_its_own(run, tmp_path):
    answer = run("--container", "--port", "8081")
    assert answer.exit_code == 2
    assert "--port: expected another than 8081" in answer.output
    assert list(tmp_path.iterdir()) == []


def test_the_page_comes_with_it_and_loads_nothing_of_others(run, tmp_path):
    run()
    pages = tmp_path / "web"
    assert sorted(path.name for path in pages.iterdir()) == PAGES
    text = "".join((pages / name).read_text() for name in PAGES)
    assert set(re.findall(r"[a-z]+://", text)) == set()
    assert set(re.findall(r'(?:src|href|from)[= ]"([^":]+)"', text)) <= {
        each for name in PAGES for each in (name, f"./{name}")
    }


@pytest.mark.parametrize(
    "there", [".crossbar/config.json", ".crossbar/config.yaml", "web/index.html"]
)
def test_what_is_there_is_left_alone(run, tmp_path, there):
    path = tmp_path / there
    path.parent.mkdir()
    path.write_text("mine")
    answer = run()
    assert answer.exit_code == 1
    assert f"Error: . has {there} already: choose another DIR" in answer.output
    assert path.read_text() == "mine"
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [path]


def test_other_files_of_an_application_do_not_matter(run, tmp_path):
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "mine.css").write_text("mine")
    assert run().exit_code == 0
    assert (tmp_path / "web" / "mine.css").read_text() == "mine"


@pytest.mark.parametrize(
    ("store", "item"),
    [
        ("file:cookies.dat", {"type": "file", "filename": "cookies.dat"}),
        ("sql:sqlite:///c.db", {"type": "sql", "url": "sqlite:///c.db"}),
        ("memory", {"type": "memory"}),
        ('lmdb:{"path": "c", "sync": true}', {"type": "lmdb", "path": "c", "sync": True}),
        ('memory:{"max_cookies": 5}', {"type": "memory", "max_cookies": 5}),
    ],
)
def test_another_store_is_named_as_for_the_command(run, tmp_path, store, item):
    assert run("--store", store).exit_code == 0
    assert websocket(tmp_path)["cookie"]["store"] == item


@pytest.mark.parametrize(
    ("store", "message"),
    [
        ("lmdp:x", "Did you mean 'lmdb'?"),
        ("lmdb", "--store: expected lmdb:LOCATION, found lmdb"),
        ("memory:x", "--store: expected memory alone, found memory:"),
        ("sql:x", "expected a URL such as postgresql://"),
        ("lmdb:{x", "the store item is no JSON"),
        ("database:x", '"path" in the cookie item'),
    ],
)
def test_a_wrong_store_is_refused_and_nothing_made(run, tmp_path, store, message):
    answer = run("--store", store)
    assert answer.exit_code == 2
    assert message in " ".join(answer.output.split())
    assert list(tmp_path.iterdir()) == []


def test_no_password_is_printed(run):
    answer = run("--store", "redis:redis://joe:secret@host/0")
    assert answer.exit_code == 0
    assert "secret" not in answer.output


def test_a_place_that_cannot_be_made_is_one_line(run):
    answer = run("--appdir", "/proc/nothing")
    assert answer.exit_code == 1
    assert answer.output == "Error: /proc/nothing: No such file or directory\n"


def test_the_origins_of_the_pages_can_be_named(run, tmp_path):
    run()
    assert websocket(tmp_path)["options"]["allowed_origins"] == [
        "http://localhost:8080",
        "http://127.0.0.1:8080",
    ]
    run("--appdir", "app", "--origin", "https://app.example.com")
    assert websocket(tmp_path / "app")["options"]["allowed_origins"] == ["https://app.example.com"]


def test_with_origins_the_pages_are_there_and_not_on_localhost(run):
    out = run("--origin", "https://app.example.com", "--origin", "http://*.test:81").output
    assert out.endswith("\n    https://app.example.com\n    http://*.test:81\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--user", " "], "--user: expected a name, found nothing"),
        (["--origin", "app.example.com"], "found 'app.example.com'"),
        (["--origin", "https://a.test/"], "found 'https://a.test/'"),
        (["--origin", "*"], "--origin: expected scheme and host"),
    ],
)
def test_what_would_let_nobody_in_is_refused_and_nothing_made(run, tmp_path, words, message):
    answer = run(*words)
    assert answer.exit_code == 2
    assert message in " ".join(answer.output.split())
    assert list(tmp_path.iterdir()) == []


def test_the_commands_can_be_pasted_where_a_name_has_spaces(run):
    out = run("--appdir", "my app").output
    assert "    crossbar-cookietrack start --cbdir 'my app/.crossbar'\n" in out


@pytest.mark.parametrize("words", [["init"], ["standalone", "init"], ["edge", "init"]])
def test_the_launcher_does_it_and_not_crossbar(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["crossbar-cookietrack", *words, "--port", "9000"])
    monkeypatch.setattr(launcher, "run_node", None)
    with pytest.raises(SystemExit) as ended:
        launcher.main()
    assert ended.value.code == 0
    assert content(tmp_path)["workers"][0]["transports"][0]["endpoint"]["port"] == 9000


def test_the_pages_are_in_the_package():
    folder = newnode.files("cookietrack_plugin.router").joinpath("page")
    assert sorted(each.name for each in folder.iterdir()) == PAGES
