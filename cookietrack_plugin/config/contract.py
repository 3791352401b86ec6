"""Whether a provider was written for a version of the store contract that this plugin has."""

from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.interfaces import CONTRACT, OLDEST_CONTRACT, ICookieStoreProvider

# The version of a provider that does not say.
FIRST_CONTRACT = 1


def check_contract(
    provider: ICookieStoreProvider,
    owner: str,
    oldest: int = OLDEST_CONTRACT,
    newest: int = CONTRACT,
) -> None:
    """
    :param owner: the distribution that the provider comes from.
    :raises ConfigError: this plugin does not have that version, or `contract` is no integer.
    """
    found = getattr(provider, "contract", FIRST_CONTRACT)
    if type(found) is not int:
        raise ConfigError(f"{owner}: contract: expected an integer, found {type(found).__name__}")
    if oldest <= found <= newest:
        return
    here = f"{oldest}" if oldest == newest else f"{oldest} to {newest}"
    behind = "cookietrack-plugin" if found > newest else owner.partition(" ")[0]
    raise ConfigError(
        f"{owner} is written for version {found} of the store contract, and this plugin has"
        f" version {here}: pip install --upgrade {behind}"
    )
