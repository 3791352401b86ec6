"""Settings of a database with which a power cut takes back what a commit had promised."""

from sqlalchemy import Connection, text

_POSTGRESQL = {
    "fsync": ("off", "set fsync = on"),
    "full_page_writes": ("off", "set full_page_writes = on"),
    "synchronous_commit": ("off", "set synchronous_commit = on for this user or database"),
}


def durability_warnings(connection: Connection) -> list[str]:
    """One sentence for each setting with which logins can be lost, and logouts undone."""
    match connection.dialect.name:
        case "postgresql":
            return [
                f"{name} is {weak}: {advice}"
                for name, (weak, advice) in _POSTGRESQL.items()
                if connection.execute(text(f"SHOW {name}")).scalar() == weak
            ]
        case "mysql" | "mariadb":
            level = connection.execute(text("SELECT @@innodb_flush_log_at_trx_commit")).scalar()
            if level != 1:
                return [f"innodb_flush_log_at_trx_commit is {level}: set it to 1"]
    return []
