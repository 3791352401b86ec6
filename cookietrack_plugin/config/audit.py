"""The `audit` item of a `cookie` item: where the audit log goes."""

import os
import re
from collections.abc import Mapping
from typing import Any

from attrs import Attribute, field, fields, frozen
from attrs.validators import optional

from cookietrack_plugin.config.rules import Is, Rule, schema_of
from cookietrack_plugin.config.validators import Boolean, Matching, OneOf
from cookietrack_plugin.stores.kit.wording import unknown_attribute, wrong_type

PLACE = "the audit item"
DEFAULT_FILE = "audit.jsonl"
# Linux's limit for a path (PATH_MAX).
_LONGEST_PATH = 4095
_FILENAME = Matching(
    re.compile(r"[^\x00-\x1f]+"),
    "the path of a file",
    _LONGEST_PATH,
    PLACE,
    "as Linux takes no longer path",
)
_HELP = {
    "type": "where the lines go: to a file, or to Crossbar's log",
    "filename": f"of the file, relative to the node directory; null: {DEFAULT_FILE}",
    "required": "refuse logins that cannot be audited",
}
RULES = (
    Rule(Is("type", "log"), Is("filename", None), 'none with "type": "log"'),
    Rule(
        Is("type", "log"),
        Is("required", False),
        'false with "type": "log", which does not say whether it has kept a line',
    ),
)


@frozen
class AuditSettings:
    """`type`: where the lines go. `filename`: relative to the node directory; None: the default."""

    type: str = field(default="file", validator=OneOf(("file", "log"), PLACE))
    filename: str | None = field(default=None, validator=optional(_FILENAME))
    required: bool = field(default=False, validator=Boolean(PLACE))

    def __attrs_post_init__(self) -> None:
        for rule in RULES:
            rule.check(self, PLACE)

    def path(self, node_dir: str) -> str | None:
        """The absolute path of the file; None for Crossbar's log."""
        if self.type == "log":
            return None
        return os.path.abspath(os.path.join(node_dir, self.filename or DEFAULT_FILE))

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "AuditSettings":
        """
        :raises ConfigError: naming the attribute, what was expected, and what was found.
        """
        known = [attribute.name for attribute in fields(cls)]
        for key in item:
            if key not in known:
                raise unknown_attribute(key, PLACE, known)
        return cls(**item)


@frozen
class AuditItem:
    """The validator of the key `audit`."""

    def __call__(self, _: object, attribute: "Attribute[Any]", value: object) -> None:
        if not isinstance(value, Mapping):
            example = 'a mapping such as {"type": "file", "filename": "audit.jsonl"}'
            raise wrong_type(attribute.name, "the cookie item", example, value)
        AuditSettings.of(value)

    @property
    def schema(self) -> Mapping[str, Any]:
        return schema_of(AuditSettings, RULES, _HELP)
