"""`crossbar-cookietrack init`: a node directory with a store, a hardened cookie and a page."""

import json
import os
import re
import secrets
import shlex
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import click

from cookietrack_plugin.config.check import check_node
from cookietrack_plugin.config.location import item_of, place_option
from cookietrack_plugin.config.redaction import label_of
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.errors import ConfigError

NODE, PAGE = ".crossbar", "web"
CONFIG = os.path.join(NODE, "config.json")
MONTH_S = 30 * 86400
# Where a container answers health checks: node_examples/deploy/kubernetes.yaml asks there.
HEALTH_PORT = 8081
# What a browser calls the origin of a page; "*" stands for any part of it.
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--appdir", default=".", metavar="DIR", help="Where to make it: here by default.")
@click.option(
    "--store",
    default="lmdb:.cookies",
    metavar="TYPE:LOCATION",
    show_default=True,
    help="The store of its cookies, relative to the node directory.",
)
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
@click.option("--user", default="alice", show_default=True, help="Who can log in.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    help="Where pages come from that may connect, such as https://app.example.com.",
)
@click.option(
    "--container",
    "in_container",
    is_flag=True,
    help=f"Listen on all addresses, and answer health checks at port {HEALTH_PORT}.",
)
def init(
    appdir: str, store: str, port: int, user: str, origins: Sequence[str], in_container: bool
) -> None:
    """
    Make a node directory with a store, a hardened cookie and a page to log in.

    Nothing that is there is replaced. The user gets a random ticket, which the configuration
    contains. Browsers send the cookie over TLS or to localhost only.
    """
    allowed = origins or [f"http://localhost:{port}", f"http://127.0.0.1:{port}"]
    ticket = secrets.token_urlsafe(16)
    try:
        _check(user, allowed)
        item = _item_of(store)
        content = configuration(item, port, {user: ticket}, allowed)
        if in_container:
            _open_to_others(content)
        check_node(content)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    try:
        _write(appdir, content)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    _report(appdir, label_of(item), user, ticket)
    for each in origins or [f"http://localhost:{port}"]:
        click.echo(f"    {each}")


def _check(user: str, origins: Sequence[str]) -> None:
    """:raises ConfigError: nobody could log in as `user`, or no page has such an origin."""
    if not user.strip():
        raise ConfigError("--user: expected a name, found nothing")
    if wrong := [each for each in origins if not ORIGIN.fullmatch(each)]:
        raise ConfigError(
            "--origin: expected scheme and host, with a port where there is one, such as"
            f" https://app.example.com; found {wrong[0]!r}"
        )


def _item_of(store: str) -> Mapping[str, Any]:
    """
    The `store` item for TYPE:LOCATION.

    :raises ConfigError: there is no such type, its driver is missing, or it takes no location.
    """
    store_type, _, location = store.partition(":")
    find_provider(store_type)
    option = place_option(store_type)
    if (option is None) == bool(location) and not location.startswith("{"):
        expected = f"{store_type}:LOCATION" if option else f"{store_type} alone"
        raise ConfigError(f"--store: expected {expected}, found {store_type}{':' * bool(location)}")
    return item_of(store_type, location)


def configuration(
    store: Mapping[str, Any], port: int, tickets: Mapping[str, str], origins: Sequence[str]
) -> dict[str, Any]:
    """The configuration of a node with one realm, one page, and these users with their tickets."""
    principals = {user: {"ticket": ticket, "role": "user"} for user, ticket in tickets.items()}
    websocket = {
        "type": "websocket",
        "options": {"allowed_origins": list(origins)},
        "cookie": {
            "name": "__Host-cbtid",
            "max_age": MONTH_S,
            "secure": True,
            "http_strict": True,
            "same_site": "Strict",
            "path": "/",
            "store": dict(store),
        },
        "auth": {"cookie": {}, "ticket": {"type": "static", "principals": principals}},
    }
    transport = {
        "type": "web",
        "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": port},
        "paths": {
            # Otherwise browsers keep a page for twelve hours, also one that was edited since.
            "/": {
                "type": "static",
                "directory": f"../{PAGE}",
                "options": {"cache_timeout": 0},
            },
            "ws": websocket,
        },
    }
    realm = {"name": "realm1", "roles": [{"name": "user", "permissions": [_OWN_TOPICS]}]}
    worker = {"type": "router", "realms": [realm], "transports": [transport]}
    return {"version": 2, "workers": [worker]}


def _open_to_others(content: Mapping[str, Any]) -> None:
    """
    Let the node listen on all addresses of its container, and answer health checks.

    :raises ConfigError: its page has the port of the health checks.
    """
    transports = content["workers"][0]["transports"]
    endpoint = transports[0]["endpoint"]
    if endpoint["port"] == HEALTH_PORT:
        raise ConfigError(
            f"--port: expected another than {HEALTH_PORT}, where a container answers health checks"
        )
    del endpoint["interface"]
    paths = {"/": {"type": "cookietrack-metrics"}}
    transports.append(
        {"type": "web", "endpoint": {"type": "tcp", "port": HEALTH_PORT}, "paths": paths}
    )


_OWN_TOPICS = {
    "uri": "app.",
    "match": "prefix",
    "allow": {"call": True, "register": True, "publish": True, "subscribe": True},
}


def _write(appdir: str, content: Mapping[str, Any]) -> None:
    """
    Write the files of a node.

    :raises ClickException: one of them is there already. Then none was written.
    """
    pages = sorted(files("cookietrack_plugin.router").joinpath("page").iterdir(), key=str)
    wanted = [CONFIG, os.path.join(NODE, "config.yaml"), *(_page(each.name) for each in pages)]
    if found := [path for path in wanted if os.path.lexists(os.path.join(appdir, path))]:
        raise click.ClickException(f"{appdir} has {', '.join(found)} already: choose another DIR")
    os.makedirs(os.path.join(appdir, PAGE), exist_ok=True)
    os.makedirs(os.path.join(appdir, NODE), mode=0o700, exist_ok=True)
    for each in pages:
        with open(os.path.join(appdir, _page(each.name)), "xb") as file:
            file.write(each.read_bytes())
    # It contains the ticket.
    fd = os.open(os.path.join(appdir, CONFIG), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=4)
        file.write("\n")


def _page(name: str) -> str:
    return os.path.join(PAGE, name)


def _report(appdir: str, store: str, user: str, ticket: str) -> None:
    node = shlex.quote(os.path.join(appdir, NODE))
    click.echo(f"Configuration: {os.path.join(appdir, CONFIG)}, with the store {store}")
    click.echo(f"Page: {os.path.join(appdir, PAGE)}. Log in as {user} with ticket {ticket}")
    click.echo()
    click.echo(f"    crossbar-cookietrack check --cbdir {node}")
    click.echo(f"    crossbar-cookietrack start --cbdir {node}")
