"""The `cookie` item of a transport: checked, with its defaults, the same for check and start."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import asdict, field, fields, frozen
from attrs.validators import optional

from cookietrack_plugin.config.audit import AuditItem
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.config.registry import find_provider, keeps_records
from cookietrack_plugin.config.rolelifetimes import (
    MAX_S,
    NOT_ROLLING,
    LifetimesItem,
    check_consistency,
    lifetimes_of,
)
from cookietrack_plugin.config.rules import Begins, Is, Rule
from cookietrack_plugin.config.validators import (
    PLACE,
    Boolean,
    BooleanOr,
    Integer,
    Matching,
    OneOf,
    Proxies,
    StoreItem,
)
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.kit.wording import type_of, unknown_attribute, wrong, wrong_value

TEN_YEARS_S = MAX_S
# Browsers drop a cookie whose name and value have more than 4096 octets, and a path or domain of
# more than 1024 (RFC 6265bis, section 5.6). The longest value has 64.
_LONGEST_NAME, _LONGEST_ATTRIBUTE = 4096 - 64, 1024
# What browsers demand of a cookie by the beginning of its name (RFC 6265bis, section 4.1.3).
SECURE_PREFIX, HOST_PREFIX = "__Secure-", "__Host-"
_NAME = re.compile(f"({SECURE_PREFIX}|{HOST_PREFIX})?[a-z][a-z0-9_]+")
_PATH = re.compile("/[!-:<-~]*")
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")


_WITH_NAME = 'with the name "{name}"'
RULES = (
    # What browsers demand, and drop a cookie without.
    Rule(Begins("name", SECURE_PREFIX), Is("secure", True), f"true {_WITH_NAME}"),
    Rule(Begins("name", HOST_PREFIX), Is("secure", True), f"true {_WITH_NAME}"),
    Rule(Is("partitioned", True), Is("secure", True), 'true with "partitioned": true'),
    Rule(Begins("name", HOST_PREFIX), Is("path", "/"), f'"/" {_WITH_NAME}'),
    Rule(Begins("name", HOST_PREFIX), Is("domain", None), f"none {_WITH_NAME}"),
    Rule(Is("rolling", False), Is("absolute_max_age", None), NOT_ROLLING),
    Rule(Is("max_sessions", None), Is("on_max_sessions", None), 'nothing without "max_sessions"'),
)
# What stores that are passed through know of a `cookie` item.
CROSSBARS_KEYS = ("name", "length", "max_age", "store", "secure", "http_strict", "same_site")
_lifetime = optional(Integer(1, TEN_YEARS_S, " seconds"))
_rate = optional(Integer(1, 1_000_000, " new cookies"))
_at_most = optional(OneOf(("end_oldest", "deny")))
_sessions = optional(Integer(1, 10_000, " sessions"))
_same_site = optional(OneOf(("Strict", "Lax", "None")))
_boolean, _store, _proxies = Boolean(), StoreItem(), Proxies()
_cookie_name = Matching(_NAME, f"a string that matches ^{_NAME.pattern}$", _LONGEST_NAME)
_path = optional(Matching(_PATH, 'a path that begins with "/" and has no ";"', _LONGEST_ATTRIBUTE))
_domain = optional(
    Matching(_DOMAIN, 'a domain in lower case, such as "example.com"', _LONGEST_ATTRIBUTE)
)
# What the JSON Schema says of each key.
HELP: Mapping[str, str] = {
    "name": "the cookie's name; __Secure- and __Host- may stand before it",
    "length": "characters of its secret value",
    "max_age": "lifetime in seconds, at most ten years",
    "store": "where the cookies are kept: its type, and that type's options",
    "secure": "the attribute Secure: browsers send the cookie over TLS alone",
    "http_strict": "the attribute HttpOnly: scripts of the page cannot read it",
    "same_site": "the attribute SameSite",
    "path": "the attribute Path",
    "domain": "the attribute Domain",
    "partitioned": "the attribute Partitioned (CHIPS)",
    "persistent": "false: browsers forget the cookie when they are closed",
    "max_pending": "writes that may wait for the store before new clients are answered 503",
    "max_new_per_second": "new cookies of the transport in a second; beyond it 429",
    "max_new_per_peer": "new cookies of one address (IPv6: /64) in a minute; beyond it 429",
    "idle_timeout": "seconds without a handshake or message until a cookie expires",
    "rolling": "max_age starts again at each handshake",
    "absolute_max_age": "with rolling: the most seconds from the cookie's creation on",
    "max_sessions": "the most logins that are kept of one user, an authid in a realm",
    "on_max_sessions": "beyond max_sessions: end_oldest, or deny the new login; null: end_oldest",
    "lifetimes": "shorter lifetimes of logins, by role and by role@realm",
    "first_max_age": (
        "lifetime in seconds of a cookie without a login, until its client has returned once or"
        " stayed so long"
    ),
    "rotate": 'a cookie that came without a login is never logged in; "always": a login ends it',
    "fresh_for": "seconds for which a login is recent enough to end other sessions",
    "trusted_proxies": (
        "addresses and networks of the proxies that are believed in Forwarded and X-Forwarded-For;"
        ' "unix" for Unix sockets'
    ),
    "on_failure": "while the store does not answer: deny clients (503), or let them in anonymous",
    "audit": "where the audit log goes; none without it",
}


@frozen
class CookieSettings:
    """
    The cookie item. Keys, ranges and meaning are Crossbar's; where it has no key, the default keeps
    Crossbar's behaviour.

    Ours are `idle_timeout` (seconds), `rolling`, `absolute_max_age` (seconds), `first_max_age`
    (seconds), `rotate` (true, false or "always") and `max_pending`: see `Policy`. `fresh_for`
    (seconds): see `router.freshness`. `on_failure`: while the store does not answer, `deny` a
    handshake with HTTP 503, or let the client in as `anonymous`: neither tracked nor known by its
    cookie.

    `max_new_per_second`, `max_new_per_peer`: see `tracking.newcomers`.

    `max_sessions`: the most stored logins of one identity. `on_max_sessions`: beyond it,
    `end_oldest`, which is the default, or `deny` the new one. `lifetimes`: of logins, by role and
    by `role@realm`; the strictest of them and of the item's own binds.

    `trusted_proxies`: from these alone a request says where its client comes from: see
    `router.forwarded`.

    `name`: of the cookie. `length`: of its secret value, in characters of 6 bits. `max_age`:
    lifetime in seconds, enforced by the server too. `secure`, `http_strict`, `same_site`, `path`,
    `domain`, `partitioned`: see `header.Attributes`. `persistent`: without it browsers forget the
    cookie when they are closed; the server's lifetime is the same. `store`: the store's own item.
    `audit`: see `AuditSettings`.
    """

    name: str = field(default="cbtid", validator=_cookie_name)
    length: int = field(default=24, validator=Integer(6, 64))
    max_age: int = field(default=86400, validator=Integer(1, TEN_YEARS_S, " seconds"))
    store: Mapping[str, Any] = field(factory=lambda: {"type": "memory"}, validator=_store)
    secure: bool = field(default=False, validator=_boolean)
    http_strict: bool = field(default=False, validator=_boolean)
    same_site: str | None = field(default=None, validator=_same_site)
    path: str | None = field(default=None, validator=_path)
    domain: str | None = field(default=None, validator=_domain)
    partitioned: bool = field(default=False, validator=_boolean)
    persistent: bool = field(default=True, validator=_boolean)
    max_pending: int = field(default=10_000, validator=Integer(1, 10_000_000, " writes"))
    max_new_per_second: int | None = field(default=None, validator=_rate)
    max_new_per_peer: int | None = field(default=None, validator=_rate)
    idle_timeout: int | None = field(default=None, validator=_lifetime)
    rolling: bool = field(default=False, validator=_boolean)
    absolute_max_age: int | None = field(default=None, validator=_lifetime)
    max_sessions: int | None = field(default=None, validator=_sessions)
    on_max_sessions: str | None = field(default=None, validator=_at_most)
    lifetimes: Mapping[str, Any] = field(factory=dict, validator=LifetimesItem())
    first_max_age: int | None = field(default=None, validator=_lifetime)
    rotate: bool | str = field(default=True, validator=BooleanOr("always"))
    fresh_for: int | None = field(default=None, validator=_lifetime)
    trusted_proxies: Sequence[str] = field(default=(), validator=_proxies)
    on_failure: str = field(default="deny", validator=OneOf(("deny", "anonymous")))
    audit: Mapping[str, Any] | None = field(default=None, validator=optional(AuditItem()))

    def __attrs_post_init__(self) -> None:
        for rule in RULES:
            rule.check(self, PLACE)
        self._check_lifetimes()

    def _check_lifetimes(self) -> None:
        """What no JSON Schema can say."""
        check_consistency(asdict(self), PLACE)
        if self.first_max_age is not None and self.first_max_age > self.max_age:
            expected = f'"max_age", {self.max_age}, or less'
            raise wrong_value("first_max_age", PLACE, expected, self.first_max_age)

    def policy(self, offers_login: bool) -> Policy:
        """What a transport with this item demands; `offers_login`: by any method but anonymous."""
        return Policy(
            self.max_age,
            self.idle_timeout,
            self.rolling,
            self.absolute_max_age,
            bool(self.rotate) and offers_login,
            self.max_pending,
            self.rotate == "always",
            self.first_max_age,
            self.max_sessions,
            self.on_max_sessions != "deny",
            lifetimes_of(self.lifetimes),
        )

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "CookieSettings":
        """
        Read a `cookie` item; the store's options beyond its type are not looked at.

        :raises ConfigError: naming the attribute, what was expected, and what was found.
        """
        if not isinstance(item, Mapping):
            raise ConfigError(f"{PLACE}: expected a mapping, found {type_of(item)}")
        known = [attribute.name for attribute in fields(cls)]
        for key in item:
            if key not in known:
                raise unknown_attribute(key, PLACE, known)
        return cls(**item)


def check_cookie_item(item: Mapping[str, Any]) -> None:
    """
    Check a `cookie` item and, by its provider, the `store` in it. Opens nothing.

    :raises ConfigError: with one message that names what is wrong.
    """
    settings = CookieSettings.of(item)
    provider = find_provider(settings.store["type"])
    if not keeps_records(provider):
        _check_heeded(item, settings.store["type"])
    provider.check(settings.store)


def _check_heeded(item: Mapping[str, Any], store_type: str) -> None:
    for key in item:
        if key not in CROSSBARS_KEYS:
            names = ", ".join(f'"{name}"' for name in CROSSBARS_KEYS)
            expected = (
                f'no more than {names} with the store "{store_type}", which heeds nothing else'
            )
            raise wrong(key, PLACE, expected, "it")
