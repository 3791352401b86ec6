"""The statement that applies a batch: each kind of change is a part of it."""

from collections.abc import Mapping

from sqlalchemy import Dialect

from cookietrack_plugin.stores.sql.tables import Tables

_LOGIN = "authid text, authrole text, authmethod text, authrealm text, authextra text"
_LOGIN += ", auth_at bigint, authid_hash bigint, number bigint, entry text, names json"
# Whether none of the fences refuses a login: see `stores.kit.fences`.
_ALLOWED = """number IS NULL OR EXISTS (
        SELECT FROM {revoked} AS known
        WHERE known.number = given.number AND known.id = given.entry
    ) AND NOT EXISTS (
        SELECT FROM {fences} AS fence
        WHERE fence.name IN (SELECT json_array_elements_text(given.names))
        AND given.number < CASE WHEN given.id = ANY(string_to_array(fence.keep, ' '))
            THEN fence.kept_from ELSE fence.position END
    )"""

# All nodes lock records in the order of their ids, and then the counter of the feed. This reads the
# newest state of a record, which may be newer than the statement's snapshot.
_LOCKED = """locked AS (
    SELECT id, authid, authrealm,
        num_nulls(authid, authrole, authmethod, authrealm) IN (0, 4) AS is_whole
    FROM {cookies} WHERE id = ANY({ids}) ORDER BY id FOR UPDATE
)"""

_PARTS = {
    "new": """new AS (
    INSERT INTO {cookies} (id, created, expires, seen, peer, user_agent,
        authid, authrole, authmethod, authrealm, authextra, auth_at, authid_hash)
    SELECT id, created, expires, seen, peer, user_agent,
        authid, authrole, authmethod, authrealm, decode(authextra, 'hex'), auth_at, authid_hash
    FROM json_to_recordset({new}) AS given (id text, created bigint, expires bigint, seen bigint,
        peer text, user_agent text, {login})
    WHERE {allowed} ORDER BY id ON CONFLICT (id) DO NOTHING RETURNING id
)""",
    "logins": """logins AS MATERIALIZED (
    SELECT * FROM json_to_recordset({logins}) AS given (id text, at bigint, {login})
    WHERE {allowed}
), logged_in AS (
    UPDATE {cookies} AS cookie SET authid = logins.authid, authrole = logins.authrole,
        authmethod = logins.authmethod, authrealm = logins.authrealm,
        authextra = decode(logins.authextra, 'hex'), auth_at = logins.auth_at,
        authid_hash = logins.authid_hash, seen = greatest(cookie.seen, logins.at)
    FROM logins JOIN locked ON locked.id = logins.id AND locked.is_whole
    WHERE cookie.id = logins.id
    RETURNING cookie.id, locked.authid IS NOT NULL AND (locked.authid, locked.authrealm)
        IS DISTINCT FROM (logins.authid, logins.authrealm) AS is_taken
)""",
    "touches": """touches AS MATERIALIZED (
    SELECT * FROM json_to_recordset({touches}) AS given (id text, seen bigint, expires bigint,
        peer text, user_agent text)
), touched AS (
    UPDATE {cookies} AS cookie SET seen = greatest(cookie.seen, touches.seen),
        expires = greatest(cookie.expires, touches.expires),
        peer = touches.peer, user_agent = touches.user_agent
    FROM touches JOIN locked ON locked.id = touches.id AND locked.is_whole
    WHERE cookie.id = touches.id RETURNING cookie.id
)""",
    "gone": """gone AS (
    DELETE FROM {cookies} AS cookie USING locked
    WHERE cookie.id = locked.id AND locked.id = ANY({gone}) RETURNING cookie.id
)""",
}
_FEED = """told AS ({told}), counted AS (
    UPDATE {meta} SET revoked = revoked + total.count
    FROM (SELECT count(*) AS count FROM told) AS total WHERE total.count > 0
    RETURNING revoked - total.count AS last
), entries AS (
    INSERT INTO {revoked} (number, id, at)
    SELECT (SELECT last FROM counted) + row_number() OVER (ORDER BY id), id, {now} FROM told
)"""
_TOLD = {
    "gone": "SELECT id FROM gone",
    "logins": "SELECT id FROM logged_in WHERE is_taken",
}
_APPLIED = {
    "new": "SELECT id FROM new",
    "logins": "SELECT id FROM logged_in",
    "touches": "SELECT id FROM touched",
    "gone": "SELECT id FROM gone",
}
_NOTIFY = "SELECT CAST(pg_notify('{channel}', '') AS text) FROM counted"


class Templates:
    """Statements for every combination of changes, each made once."""

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        quoted = dialect.identifier_preparer.format_table
        self._names = {
            "cookies": quoted(tables.cookies),
            "revoked": quoted(tables.revoked),
            "fences": quoted(tables.fences),
            "meta": quoted(tables.meta),
            "channel": tables.revoked.name,
            "login": _LOGIN,
        }
        self._made: dict[tuple[str, ...], str] = {}

    def fill(self, given: Mapping[str, str], locked: str, now: int) -> str:
        """
        The statement. It returns the ids of the changes that applied, and an empty text where it
        has notified.

        :param given: what there is of each of the parts `new`, `logins`, `touches`, `gone`.
        :param locked: the ids of all records but new ones.
        """
        parts = tuple(given)
        template = self._made.get(parts) or self._made.setdefault(parts, self._make(parts))
        return template.format(**given, ids=locked, now=now)

    def _make(self, parts: tuple[str, ...]) -> str:
        if not parts:
            return "SELECT NULL WHERE false"
        told = [_TOLD[part] for part in parts if part in _TOLD]
        common = [_PARTS[part] for part in parts]
        if parts != ("new",):
            common.insert(0, _LOCKED)
        if told:
            common.append(_FEED.replace("{told}", " UNION ALL ".join(told)))
        applied = [_APPLIED[part] for part in parts] + ([_NOTIFY] if told else [])
        text = f"WITH {', '.join(common)}\n{' UNION ALL '.join(applied)}"
        text = text.replace("{allowed}", _ALLOWED)
        for name, value in self._names.items():
            text = text.replace(f"{{{name}}}", value)
        return text
