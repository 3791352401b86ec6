"""Providers that refuse too much or too little, or do it in the wrong way."""

from pathlib import Path

from zope.interface import implementer

from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.interfaces import IRecognizer, IRouterCookieStore
from tests.testing.honest import VolatileProvider
from tests.testing.registry import fails


@fails("test_the_provider_provides_its_interface")
class ProviderOfOtherShape(VolatileProvider):
    def check(self):
        pass


@fails("test_what_is_no_store_is_not_recognized")
@implementer(IRecognizer)
class ProviderOfEverything(VolatileProvider):
    def recognize(self, path):
        return path


@fails("test_the_summary_is_one_line")
class WordyProvider(VolatileProvider):
    summary = "First line.\nSecond line."


@fails("test_claims_are_true_or_false")
class UndecidedProvider(VolatileProvider):
    exclusive = None


@fails("test_the_place_is_an_option")
class ProviderElsewhere(VolatileProvider):
    place = "max_cookies"


@fails("test_what_is_opened_is_what_was_claimed")
class ProviderOfAnother(VolatileProvider):
    opens = IRouterCookieStore


@fails("test_records_last_unless_the_provider_is_volatile")
class ForgetfulProvider(VolatileProvider):
    volatile = False


@fails("test_two_processes_can_open_the_store_unless_it_is_exclusive")
class LonelyProvider(VolatileProvider):
    exclusive = True


@fails("test_valid_options_are_accepted")
class FussyProvider(VolatileProvider):
    def check(self, options):
        raise ConfigError('"max_cookies" in the store item: no')


@fails(
    "test_an_unknown_option_is_refused",
    "test_a_value_of_a_wrong_type_is_refused",
    "test_what_the_author_calls_wrong_is_refused",
)
class TrustingProvider(VolatileProvider):
    def check(self, options):
        pass


@fails("test_null_is_a_value_like_any_other")
class ProviderThatCompares(VolatileProvider):
    def check(self, options):
        if options["max_cookies"] < 1:
            raise ConfigError("max_cookies")


@fails("test_a_missing_option_is_refused")
class ProviderThatLooksUp(VolatileProvider):
    def check(self, options):
        assert options["max_cookies"] is not None


@fails("test_check_opens_nothing")
class EagerProvider(VolatileProvider):
    def check(self, options):
        Path("cookies").touch()


@fails("test_paths_are_relative_to_the_node_directory")
class ProviderInTheWorkingDirectory(VolatileProvider):
    def open(self, options, node_dir):
        Path("cookies").touch()
        return super().open(options, node_dir)


@fails("test_a_place_that_cannot_be_used_is_wrong")
class ProviderThatPassesErrorsOn(VolatileProvider):
    def open(self, options, node_dir):
        Path(node_dir, "cookies").touch()
        return super().open(options, node_dir)
