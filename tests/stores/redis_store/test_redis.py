"""The Redis store on real servers: the contract, and what can be wrong around it."""

import logging
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cookietrack_plugin.errors import ConfigError, CookieTrackError, StoreCorrupt, StoreUnavailable
from cookietrack_plugin.record import Authenticate, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.redis import feed as redis_feed
from cookietrack_plugin.stores.redis import swap as redis_swap
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.faults import RIGHTS
from cookietrack_plugin.stores.redis.keys import Layout
from cookietrack_plugin.stores.redis.provider import RedisProvider
from cookietrack_plugin.stores.redis.rounds import Round
from cookietrack_plugin.stores.redis.store import RedisStore
from cookietrack_plugin.stores.redis.url import parse_url
from cookietrack_plugin.testing import DurableStoreSuite
from cookietrack_plugin.testing.case import StoreCase
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch
from servers.databases import PASSWORD
from servers.ports import free_port
from servers.process import running
from servers.redises import (
    RedisCluster,
    RedisSentinel,
    RedisServer,
    TlsRedisServer,
    has_replica,
    quoted,
)
from tests.support.node import wait_for
from tests.support.redis_stores import (
    new_prefix,
    open_redis,
    run_command,
)
from tests.support.rivals import contradictions, told_and_revoked
from tests.support.silence import answers, check_unavailable

pytest_plugins = ["tests.support.servers"]

ROOT = Path(__file__).parents[3]
NOBODY = "NAME_OF_NO_VARIABLE"
ONE_BY_ONE = "a batch is all or none in each partition: see docs/scaling.md"


# -- the contract ---------------------------------------------------------------------------------


class RedisCase(StoreCase):
    provider = RedisProvider
    options: Mapping[str, Any] = {"type": "redis", "url": "redis://localhost"}
    wrong_options = [
        ("url", {"type": "redis"}),
        ("url", {"type": "redis", "url": "localhost"}),
        ("prefix", {"type": "redis", "url": "redis://localhost", "prefix": "a{b}"}),
        ("timeout", {"type": "redis", "url": "redis://localhost", "timeout": 0}),
        ("replicas", {"type": "redis", "url": "redis://localhost", "replicas": -1}),
        ("partitions", {"type": "redis", "url": "redis://localhost", "partitions": 0}),
    ]

    def damage(self, options: Mapping[str, Any], node_dir: Path, id: str) -> None:
        layout = Layout(options["prefix"], options.get("partitions", 1))
        run_command(options["url"], "SETRANGE", layout.of(id).cookie(id), 3, "damage")

    def plant(self, options: Mapping[str, Any], node_dir: Path) -> None:
        run_command(options["url"], "SET", Layout(options["prefix"], 1).meta, "a shopping list")


class RedisSuite(RedisCase, DurableStoreSuite):
    pass


@pytest.mark.server
class TestRedis(RedisSuite):
    @pytest.fixture
    def store_options(self, redis_server: RedisServer) -> dict[str, Any]:
        return {"type": "redis", "url": redis_server.url(), "prefix": new_prefix()}

    @pytest.fixture
    def cramped_store(self) -> Iterator[RedisStore]:
        with running(RedisServer("--maxmemory", "20mb")) as server:
            store = open_redis(server.url())
            yield store
            store.close()


# What it does otherwise is measured by the tests below, on every topology.
@pytest.mark.no_cover
@pytest.mark.server
class TestRedisClusterWithPartitions(RedisSuite):
    """
    Spread over all masters: the whole kit, but for the three checks that a batch is all or none
    over all partitions.
    """

    lacks = {"limit": "the same as for one partition"}
    histories = 10

    @pytest.fixture
    def store_options(self, redis_cluster: RedisCluster) -> dict[str, Any]:
        item = {"type": "redis", "url": redis_cluster.url(), "prefix": new_prefix()}
        return {**item, "partitions": 7}

    def test_what_was_acknowledged_survives_kill_9(self) -> None:  # type: ignore[override]
        pytest.skip(ONE_BY_ONE)

    def test_no_reader_sees_half_of_an_update(self) -> None:  # type: ignore[override]
        pytest.skip(ONE_BY_ONE)

    def test_no_reader_sees_half_of_a_coming_or_going(self) -> None:  # type: ignore[override]
        pytest.skip(ONE_BY_ONE)


# -- one server, and a cluster --------------------------------------------------------------------


@pytest.mark.server
def test_a_batch_takes_two_round_trips_and_new_records_one(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
):
    trips: list[int] = []
    send = Client.exchange

    def count(client: Client, asked: Round) -> list[Any]:
        trips.append(len(asked.commands))
        return send(client, asked)

    # Each server learns the script when it first needs it.
    store.commit([Create(make_cookie(n)) for n in range(1000, 1100)])
    monkeypatch.setattr(Client, "exchange", count)
    partitions = len(store._layout.partitions)
    ids = range(500)
    assert all(store.commit([Create(make_cookie(n)) for n in ids]))
    assert len(store.load([make_id(n) for n in ids])) == len(ids)
    logins = [Authenticate(make_id(n), make_auth(), NOW) for n in ids]
    assert all(store.commit([*logins, *(make_touch(n) for n in ids)]))
    assert all(store.commit([Delete(make_id(n)) for n in ids]))
    # Of the trips those without a command are none.
    assert [trip for trip in trips if trip] == [partitions] * 6


@pytest.mark.server
def test_a_script_that_the_server_has_forgotten_is_sent_again(
    options: dict[str, Any], store: RedisStore
):
    store.commit([Create(make_cookie(0))])
    for master in store._client.masters():
        master.script_flush()
    assert store.commit([Create(make_cookie(n)) for n in range(20)]) == [False] + [True] * 19


@pytest.mark.server
def test_nodes_that_change_the_same_records_at_once_contradict_nobody(
    store: RedisStore, other: RedisStore
):
    assert contradictions(store, other) == []


@pytest.mark.server
def test_no_revocation_is_left_out_however_commits_overlap(
    options: dict[str, Any], store: RedisStore
):
    writers = [open_redis(**options) for _ in range(3)]
    told, revoked = told_and_revoked(store, *writers)
    assert told == revoked
    for writer in writers:
        writer.close()


@pytest.mark.server
def test_the_server_removes_what_nobody_sweeps(options: dict[str, Any], store: RedisStore):
    """Expired records and the index that they are in, after an hour's grace for our own sweep."""
    expires = time.time_ns() // 1_000_000 + 60_000
    store.commit([Create(make_cookie(1, make_auth("joe"), expires=expires))])
    partition = store._layout.of(make_id(1))
    for key in (partition.cookie(make_id(1)), partition.user("joe", "realm1")):
        assert run_command(options["url"], "PEXPIRETIME", key) == expires + redis_swap.GRACE_MS


@pytest.mark.server
def test_a_later_expiry_is_known_to_the_server(options: dict[str, Any], store: RedisStore):
    store.commit([Create(make_cookie(1, make_auth("joe"), expires=NOW))])
    store.commit([make_touch(1, expires=NOW + 5)])
    partition = store._layout.of(make_id(1))
    for key in (partition.cookie(make_id(1)), partition.user("joe", "realm1")):
        assert run_command(options["url"], "PEXPIRETIME", key) == NOW + 5 + redis_swap.GRACE_MS


@pytest.mark.server
def test_the_index_of_a_user_has_no_stale_members(options: dict[str, Any], store: RedisStore):
    past = time.time_ns() // 1_000_000 - redis_swap.GRACE_MS - 1
    joe, mary = make_auth("joe"), make_auth("mary")
    # One that is deleted, two that change hands, and one that is swept; one that expired long ago
    # and was removed by the server; and one that stays.
    store.commit([Create(make_cookie(n, joe, expires=NOW + n)) for n in range(4)])
    store.commit([Create(make_cookie(4, joe, expires=past))])
    store.commit([Delete(make_id(0)), Authenticate(make_id(1), mary, NOW)])
    store.commit([Authenticate(make_id(2), make_auth("joe", "realm2"), NOW)])
    store.expire(NOW + 3, 10)
    store.commit([Create(make_cookie(5, joe, expires=NOW + 9))])
    indexes = [each.user("joe", "realm1") for each in store._layout.partitions]
    members = [run_command(options["url"], "ZRANGE", index, 0, -1) for index in indexes]
    assert [id for each in members for id in each] == [make_id(5).encode()]


@pytest.mark.server
def test_old_revocations_are_trimmed_and_old_cursors_refused(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(redis_swap, "MAX_REVOCATIONS", 1)
    ids = [make_id(n) for n in range(3000)]
    store.commit([Create(make_cookie(n)) for n in range(3000)])
    _, old = store.revoked_since(None)
    store.commit([Delete(id) for id in ids])
    with pytest.raises(StoreUnavailable, match="no longer known"):
        store.revoked_since(old)
    ids, new = store.revoked_since(None)
    assert (ids, store.revoked_since(new)) == ([], ([], new))


@pytest.mark.server
def test_a_backlog_is_read_in_pages(store: RedisStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(redis_feed, "_PAGE", 3)
    send, lengths = store._client.exchange, []

    def count(asked: Round) -> list[Any]:
        answers = send(asked)
        lengths.extend(len(each) for each in answers if isinstance(each, list))
        return answers

    ids = [make_id(n) for n in range(40)]
    store.commit([Create(make_cookie(n)) for n in range(40)])
    _, cursor = store.revoked_since(None)
    store.commit([Delete(id) for id in ids])
    monkeypatch.setattr(store._client, "exchange", count)
    told, cursor = store.revoked_since(cursor)
    assert (sorted(told), max(lengths)) == (ids, 4)
    assert store.revoked_since(cursor) == ([], cursor)


@pytest.mark.server
def test_a_cursor_of_another_history_is_refused(options: dict[str, Any], store: RedisStore):
    """As after a failover that lost the last entries, or a server that came back empty."""
    store.commit([Create(make_cookie(1)), Delete(make_id(1))])
    _, cursor = store.revoked_since(None)
    for partition in store._layout.partitions:
        run_command(options["url"], "DEL", partition.revoked)
    with pytest.raises(StoreUnavailable, match="no longer known"):
        store.revoked_since(cursor)
    assert store.revoked_since(None)[0] == []


@pytest.mark.server
def test_a_store_with_partitions_is_on_every_master(redis_cluster: RedisCluster):
    places = {}
    for partitions in (1, 7):
        store = open_redis(redis_cluster.url(), prefix=new_prefix(), partitions=partitions)
        keys = [each.expiry for each in store._layout.partitions]
        places[partitions] = {redis_cluster.client().get_node_from_key(key).name for key in keys}
        store.close()
    assert len(places[1]) == 1
    assert len(places[7]) == 3


@pytest.mark.server
def test_the_number_of_partitions_cannot_change(options: dict[str, Any], store: RedisStore):
    message = r'"partitions" in .*: expected \d, with which the store was made, found 9'
    with pytest.raises(ConfigError, match=message):
        open_redis(**{**options, "partitions": 9})


@pytest.mark.server
def test_a_newer_schema_is_refused(options: dict[str, Any], store: RedisStore):
    run_command(options["url"], "HSET", store._layout.meta, "version", 3)
    with pytest.raises(StoreCorrupt, match=r"has schema version 3, and 2 is the newest.*upgrade"):
        open_redis(**options)


@pytest.mark.server
def test_two_stores_with_two_prefixes_share_a_server(options: dict[str, Any], store: RedisStore):
    neighbour = open_redis(**{**options, "prefix": options["prefix"] + "-2"})
    store.commit([Create(make_cookie(1))])
    assert neighbour.load([make_id(1)]) == {}
    assert neighbour.stat()["cookies"] == 0
    neighbour.close()


@pytest.mark.server
def test_a_closed_store_does_not_connect_again(store: RedisStore):
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.load([make_id(1)])


# -- other ways to a server -----------------------------------------------------------------------


@pytest.mark.server
def test_a_unix_socket_is_a_way_to_a_server(redis_server: RedisServer):
    url = f"unix://:{quoted(PASSWORD)}@{redis_server.socket}?db=3"
    store = open_redis(url, prefix=new_prefix())
    assert store.commit([Create(make_cookie(1))]) == [True]
    store.close()


@pytest.mark.server
def test_with_tls_the_server_has_to_prove_who_it_is(tmp_path: Path):
    with running(TlsRedisServer()) as server:
        url = f"rediss://:{quoted(PASSWORD)}@127.0.0.1:{server.tls_port}/0"
        with pytest.raises(ConfigError, match=r"name the file of the authority .*ssl_ca_certs"):
            open_redis(url)
        (tmp_path / "authority.pem").write_bytes(server.certificate.read_bytes())
        store = open_redis(f"{url}?ssl_ca_certs=authority.pem", tmp_path)
        assert store.commit([Create(make_cookie(1))]) == [True]
        store.close()


@pytest.mark.server
def test_sentinel_leads_to_the_new_master_and_what_replicas_had_is_there(
    caplog: pytest.LogCaptureFixture,
):
    with running(RedisSentinel()) as service:
        service.master.client().config_set("min-replicas-to-write", 1)
        store = open_redis(service.url(), timeout=2, replicas=1)
        assert store.commit([Create(make_cookie(1, make_auth()))]) == [True]
        service.master.kill()
        with pytest.raises(StoreUnavailable):
            store.load([make_id(1)])
        wait_for(lambda: answers(store), "no new master")
        assert set(store.load([make_id(1)])) == {make_id(1)}
        with pytest.raises(
            StoreUnavailable, match="expected 1 of the replicas to have the commit, found 0"
        ):
            store.commit([Create(make_cookie(2))])
        store.close()
    assert "replicas lag behind" not in caplog.text


@pytest.mark.server
@pytest.mark.parametrize("replicas", [0, 1])
def test_replicas_that_follow_later_are_warned_of_unless_they_are_waited_for(
    replicas: int, caplog: pytest.LogCaptureFixture
):
    with running(RedisServer()) as master:
        replica_of = ("--replicaof", f"127.0.0.1 {master.port}")
        with running(RedisServer(*replica_of)):
            wait_for(lambda: has_replica(master), "the replica does not come")
            master.client().config_set("min-replicas-to-write", 1)
            open_redis(master.url(), replicas=replicas).close()
    assert ("replicas lag behind" in caplog.text) == (not replicas)


# -- what is wrong before anything is opened ------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "mongodb://host"}, r'expected one of redis, rediss.*, found the scheme "mongodb"'),
        ({"url": "joe:secret@host"}, r"found no scheme"),
        (
            {"url": "redis://joe:secret@"},
            r"expected one as in redis://:\$\{NAME.*, found no host",
        ),
        ({"url": "redis://joe:secret@host:port"}, r"found a host or a port that is none"),
        ({"url": "redis://joe:secret@host/one"}, r"found a database that is no number"),
        ({"url": "redis://joe:secret@host/1/2"}, r"found a path with too many parts"),
        (
            {"url": "redis://joe:secret@a,b"},
            r"expected one host, or redis\+sen.*, found several",
        ),
        (
            {"url": "redis://joe:secret@host?socket=1"},
            r'expected no parameters with this scheme, found the parameter "socket"',
        ),
        ({"url": "redis://joe:a?secret=b@host"}, r"found an unknown parameter"),
        ({"url": "rediss://host?ssl_check_hostname=maybe"}, r"another ssl_check_hostname"),
        ({"url": "unix://joe:secret@"}, r"expected one as in unix:///run/redis.*, found no path"),
        ({"url": "redis+sentinel://joe:secret@host"}, r"expected one as in .*, found no service"),
        ({"url": "redis+cluster://joe:secret@host/1"}, r"expected database 0.*, found database 1"),
        ({"url": f"redis://:${{{NOBODY}}}@host"}, rf"variable {NOBODY} is not set"),
        ({"url": "redis://host", "prefix": "{a}"}, r'"prefix".*expected up to .*, found "\{a\}"'),
        ({"url": "redis://host", "prefixes": "a"}, r'"prefixes".*did you mean "prefix"'),
        ({"url": "redis://host", "replicas": -1}, r'"replicas".*expected an integer from 0 to'),
        ({"url": "redis://host", "partitions": 0}, r'"partitions".*expected an integer from 1'),
        ({"url": 7}, r'"url" in the store item: expected a string, found an integer'),
    ],
)
def test_what_cannot_be_right_is_refused_by_check(options: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message) as refusal:
        RedisProvider().check({"type": "redis", **options})
    assert "secret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "kind", "tls", "hosts"),
    [
        ("redis://host", "server", False, (("host", 6379),)),
        ("valkeys://host:1", "server", True, (("host", 1),)),
        ("redis://[::1]:2/3", "server", False, (("::1", 2),)),
        ("sentinel://a,b:1/s", "sentinel", False, (("a", 26379), ("b", 1))),
        ("rediss+sentinel://a,b:1/s/3", "sentinel", True, (("a", 26379), ("b", 1))),
        ("cluster://a,b:1", "cluster", False, (("a", 6379), ("b", 1))),
        ("rediss+cluster://a", "cluster", True, (("a", 6379),)),
        ("unix:///run/redis.sock", "socket", False, ()),
    ],
)
def test_every_form_of_url_is_read(url: str, kind: str, tls: bool, hosts: Any):
    parsed = parse_url(url)
    assert (parsed.kind, parsed.tls, parsed.hosts) == (kind, tls, hosts)


def test_a_password_comes_from_the_environment_as_it_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET", PASSWORD)
    parsed = parse_url("redis+sentinel://joe:${SECRET}@a,b/service/2")
    assert (parsed.username, parsed.password) == ("joe", PASSWORD)
    assert (parsed.service, parsed.database) == ("service", 2)
    assert parsed.shown == "redis+sentinel://***@a,b/service/2"


@pytest.mark.parametrize(("store_type", "driver"), [("redis", "redis"), ("sql", "sqlalchemy")])
def test_a_missing_library_is_named_with_what_installs_it(store_type: str, driver: str):
    """In a process of its own: here the library has been imported already."""
    program = (
        f"import sys; sys.modules[{driver!r}] = None\n"
        "from cookietrack_plugin.config.registry import find_provider\n"
        f"find_provider({store_type!r})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert "ConfigError" in last
    assert f'pip install "cookietrack-plugin[{store_type}]"' in last


# -- what is wrong when it is opened --------------------------------------------------------------


def refusal(url: str, caplog: pytest.LogCaptureFixture, **options: Any) -> CookieTrackError:
    """The error of an open(), which with all that was logged shows no password."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(CookieTrackError) as caught:
        open_redis(url, timeout=1, **options)
    assert "\n" not in str(caught.value)
    chain: BaseException | None = caught.value
    while chain is not None:
        assert PASSWORD not in f"{chain}{chain!r}"
        chain = chain.__cause__ or chain.__context__
    assert PASSWORD not in caplog.text
    return caught.value


@pytest.mark.server
@pytest.mark.parametrize(
    ("login", "message"),
    [
        ("", "Authentication required: put the right user and password there"),
        (f":{quoted(PASSWORD)}x@", "put the right user and password there, such as redis://user:"),
        (f"joe:{quoted(PASSWORD)}@", "put the right user and password there"),
    ],
)
@pytest.mark.parametrize("scheme", ["redis", "redis+cluster"])
def test_a_wrong_login_is_named_as_that(
    scheme: str,
    login: str,
    message: str,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
):
    if scheme == "redis":
        port = request.getfixturevalue("redis_server").port
    else:
        port = request.getfixturevalue("redis_cluster").servers[0].port
    error = refusal(f"{scheme}://{login}127.0.0.1:{port}", caplog)
    assert isinstance(error, ConfigError)
    assert message in str(error)


@pytest.mark.server
def test_a_password_that_a_server_does_not_want_is_named(caplog: pytest.LogCaptureFixture):
    with running(RedisServer(password="")) as server:
        error = refusal(f"redis://:{quoted(PASSWORD)}@127.0.0.1:{server.port}", caplog)
    assert isinstance(error, ConfigError)
    assert "the server has no password: remove it" in str(error)


@pytest.mark.server
def test_a_database_that_is_not_there_is_named(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
):
    error = refusal(redis_server.url(99), caplog)
    assert isinstance(error, ConfigError)
    assert "DB index is out of range: name a database that the server has" in str(error)


@pytest.mark.parametrize(
    ("scheme", "path"), [("redis", ""), ("redis+cluster", ""), ("redis+sentinel", "/service")]
)
def test_a_host_that_cannot_be_reached_is_unavailable(
    scheme: str, path: str, caplog: pytest.LogCaptureFixture
):
    port = free_port()
    error = refusal(f"{scheme}://:{quoted(PASSWORD)}@127.0.0.1:{port}{path}", caplog)
    assert type(error) is StoreUnavailable
    assert f"{scheme}://***@127.0.0.1:{port}{path}" in str(error)
    expected = "no sentinel that answers" if path else "is it running, and can this host reach it?"
    assert expected in str(error)
    assert ".:" not in str(error)


@pytest.mark.server
def test_a_url_of_the_wrong_kind_is_named(
    redis_server: RedisServer, redis_cluster: RedisCluster, caplog: pytest.LogCaptureFixture
):
    one, node = redis_server.port, redis_cluster.servers[0].port
    for url, message in (
        (f"redis+cluster://:{quoted(PASSWORD)}@127.0.0.1:{one}", "its scheme is redis"),
        (f"redis://:{quoted(PASSWORD)}@127.0.0.1:{node}", "found a node of a cluster"),
        (f"redis+sentinel://127.0.0.1:{one}/a?sentinel_password={quoted(PASSWORD)}", "no sentinel"),
    ):
        error = refusal(url, caplog)
        assert isinstance(error, ConfigError)
        assert message in str(error)


@pytest.mark.server
@pytest.mark.parametrize(
    ("keys", "commands"), [("other*", []), ("*", ["-time"]), ("*", ["-hmget"])]
)
def test_missing_rights_are_named(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture, keys: str, commands: list[str]
):
    rights = {"enabled": True, "passwords": [f"+{PASSWORD}"], "categories": ["+@all"]}
    redis_server.client().acl_setuser("joe", reset=True, keys=[keys], commands=commands, **rights)
    error = refusal(f"redis://joe:{quoted(PASSWORD)}@127.0.0.1:{redis_server.port}", caplog)
    assert isinstance(error, ConfigError)
    assert 'grant the user the keys that begin with "{" and the prefix' in str(error)


@pytest.mark.server
def test_rights_that_are_taken_away_later_are_named(redis_server: RedisServer):
    admin = redis_server.client()
    admin.acl_setuser(
        "eve", enabled=True, passwords=["+secret"], keys=["{eves*"], categories=["+@all"]
    )
    store = open_redis(f"redis://eve:secret@127.0.0.1:{redis_server.port}", prefix="eves")
    admin.acl_setuser("eve", enabled=True, commands=["-exists"])
    with pytest.raises(ConfigError, match="grant the user the keys"):
        store.commit([Create(make_cookie(1))])
    store.close()


@pytest.mark.server
def test_keys_and_common_commands_are_all_the_rights_that_it_needs(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
):
    """As on hosted servers: without CONFIG and INFO, what they would say is unknown."""
    rights = {"enabled": True, "passwords": ["+secret"], "categories": ["+@all", "-@dangerous"]}
    redis_server.client().acl_setuser("mary", keys=["{mine*"], **rights)
    store = open_redis(f"redis://mary:secret@127.0.0.1:{redis_server.port}", prefix="mine")
    assert store.commit([Create(make_cookie(1, make_auth()))]) == [True]
    assert store.stat()["cookies"] == 1
    assert [cookie.id for cookie in records(store, "joe")] == [make_id(1)]
    store.commit([Delete(make_id(1))])
    store.close()
    assert "it does not say what its appendonly is: make sure" in caplog.text


@pytest.mark.server
def test_the_rights_that_the_documentation_names_are_enough(redis_server: RedisServer):
    documentation = (ROOT / "docs" / "scaling.md").read_text()
    rights = re.search(r"the commands `(\+@read[^`]*)`", documentation)
    assert rights
    assert " ".join(rights[1].split()) in RIGHTS
    categories, commands = _sorted_rights(rights[1].split())
    redis_server.client().acl_setuser(
        "ann",
        enabled=True,
        passwords=["+secret"],
        keys=["{anns*"],
        categories=categories,
        commands=commands,
    )
    store = open_redis(
        f"redis://ann:secret@127.0.0.1:{redis_server.port}", prefix="anns", replicas=0
    )
    _, since = store.revoked_since(None)
    store.commit([Create(make_cookie(n)) for n in range(3)])
    logins = [Authenticate(make_id(n), make_auth(), NOW, since) for n in range(2)]
    assert store.commit([*logins, Delete(make_id(2))]) == [True] * 3
    assert len(list(records(store, "joe"))) == store.stat()["cookies"] == 2
    assert store.expire(NOW, 10) == 0
    assert store.server_time() > 0
    assert store.revoke_user("joe", None) == 2
    assert store.revoke_user(None, None) == 0
    assert len(store.revoked_since(since)[0]) == 3
    store.close()


def _sorted_rights(rights: list[str]) -> tuple[list[str], list[str]]:
    categories = [right for right in rights if "@" in right]
    return categories, [right for right in rights if "@" not in right]


@pytest.mark.server
@pytest.mark.parametrize(
    ("settings", "warning"),
    [
        (("--appendonly", "no"), "appendonly is no: a crash takes back all logins and logouts"),
        (("--appendfsync", "everysec"), "appendfsync is everysec: a power cut takes back"),
    ],
)
def test_a_server_that_forgets_is_warned_of(
    settings: tuple[str, ...], warning: str, caplog: pytest.LogCaptureFixture
):
    with running(RedisServer(*settings)) as server:
        open_redis(server.url()).close()
        assert warning in caplog.text
        assert PASSWORD not in caplog.text


@pytest.mark.server
def test_a_durable_server_is_not_warned_of(
    redis_server: RedisServer, redis_cluster: RedisCluster, caplog: pytest.LogCaptureFixture
):
    for server in (redis_server, redis_cluster):
        open_redis(server.url(), prefix=new_prefix()).close()
    assert caplog.text == ""


# -- what goes wrong later ------------------------------------------------------------------------


@pytest.fixture(params=["server", "cluster"])
def own(request: pytest.FixtureRequest) -> Iterator[tuple[str, list[RedisServer]]]:
    """A URL, and the servers behind it, which the test may stop."""
    if request.param == "server":
        with running(RedisServer()) as server:
            yield server.url(), [server]
    else:
        with running(RedisCluster("--cluster-node-timeout", "1000")) as cluster:
            yield cluster.url(), cluster.servers


@pytest.mark.server
def test_a_server_that_has_gone_silent_is_unavailable_until_it_speaks(
    own: tuple[str, list[RedisServer]],
):
    url, servers = own
    store = open_redis(url, timeout=0.5)
    store.commit([Create(make_cookie(0, make_auth()))])
    with ExitStack() as silence:
        for server in servers:
            silence.enter_context(server.paused())
        check_unavailable(store)
    wait_for(lambda: answers(store), "the store does not come back")
    store.commit([Delete(make_id(0))])
    assert store.load([make_id(0)]) == {}
    store.close()


@pytest.mark.server
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_restarted_server_is_found_again(own: tuple[str, list[RedisServer]], how: str):
    url, servers = own
    store = open_redis(url, timeout=1)
    store.commit([Create(make_cookie(1, make_auth()))])
    for server in servers:
        getattr(server, how)()
    with pytest.raises(StoreUnavailable):
        store.load([make_id(1)])
    with pytest.raises(StoreUnavailable):
        store.commit([Delete(make_id(1))])
    for server in servers:
        server.start()
    wait_for(lambda: answers(store), "the store does not come back")
    assert set(store.load([make_id(1)])) == {make_id(1)}
    assert store.commit([Delete(make_id(1))]) == [True]
    store.close()


@pytest.mark.server
def test_a_connection_that_died_at_rest_is_replaced_unseen():
    """A restart that nobody noticed costs nobody an answer."""
    with running(RedisServer()) as server:
        store = open_redis(server.url())
        store.commit([Create(make_cookie(1))])
        server.restart()
        assert store.commit([Create(make_cookie(1)), Create(make_cookie(2))]) == [False, True]
        store.close()


@pytest.mark.server
def test_what_lies_on_other_masters_is_answered_while_one_is_away():
    settings = ("--cluster-node-timeout", "60000", "--cluster-require-full-coverage", "no")
    with running(RedisCluster(*settings)) as cluster:
        store = open_redis(cluster.url(), timeout=1, partitions=30)
        ids = [make_id(n) for n in range(12)]
        store.commit([Create(make_cookie(n)) for n in range(12)])
        with cluster.servers[0].paused():
            results = [_loads(store, id) for id in ids]
        assert set(results) == {True, False}
        wait_for(lambda: all(_loads(store, id) for id in ids), "the master does not come back")
        store.close()


def _loads(store: RedisStore, id: str) -> bool:
    try:
        return id in store.load([id])
    except StoreUnavailable:
        return False
