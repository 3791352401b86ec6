"""A store that is written for another version of the contract is not used, and says why."""

import pytest

from cookietrack_plugin.config.contract import check_contract
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.interfaces import CONTRACT, OLDEST_CONTRACT
from cookietrack_plugin.stores.memory import MemoryProvider

OWNER = "acme-cookies 3.1"


class Provider(MemoryProvider):
    def __init__(self, contract):
        self.contract = contract


@pytest.mark.parametrize("version", [2, 3, 4])
def test_versions_that_the_plugin_has_are_used(version):
    check_contract(Provider(version), OWNER, oldest=2, newest=4)


def test_a_provider_that_does_not_say_is_of_the_first_version():
    check_contract(MemoryProvider(), OWNER, oldest=1, newest=4)
    with pytest.raises(ConfigError, match="version 1 of the store contract"):
        check_contract(MemoryProvider(), OWNER, oldest=2, newest=4)


def test_for_a_newer_version_the_plugin_is_to_be_upgraded():
    expected = (
        r"acme-cookies 3\.1 is written for version 5 of the store contract, and this plugin has"
        r" version 2 to 4: pip install --upgrade cookietrack-plugin$"
    )
    with pytest.raises(ConfigError, match=expected):
        check_contract(Provider(5), OWNER, oldest=2, newest=4)


def test_for_an_older_version_the_store_is_to_be_upgraded():
    with pytest.raises(ConfigError, match=r"pip install --upgrade acme-cookies$"):
        check_contract(Provider(1), OWNER, oldest=2, newest=4)


@pytest.mark.parametrize("found", ["1", True, None, 1.0])
def test_a_version_is_an_integer(found):
    with pytest.raises(ConfigError, match="contract: expected an integer"):
        check_contract(Provider(found), OWNER)


def test_it_is_checked_before_a_store_is_opened(monkeypatch):
    monkeypatch.setattr(MemoryProvider, "contract", CONTRACT + 1, raising=False)
    with pytest.raises(ConfigError, match=rf"this plugin has version {OLDEST_CONTRACT}:"):
        find_provider("memory")
