"""The check of a path service that has no options of its own."""

from collections.abc import Mapping
from typing import Any

from crossbar.common.checkconfig import check_dict_args

from cookietrack_plugin.config.pathservice import KEYS


def check_optionless(config: Mapping[str, Any], title: str) -> None:
    """
    :param title: of the service, for the message.
    :raises InvalidConfigException: it has a key that not every path service has.
    """
    known = {key: (key == "type", [str]) for key in KEYS}
    check_dict_args(known, config, title)
