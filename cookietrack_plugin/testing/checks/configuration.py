"""What `check` refuses and accepts, and what `open` says of a place that it cannot use."""

from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from cookietrack_plugin.errors import ConfigError, StoreCorrupt
from cookietrack_plugin.record import Create
from cookietrack_plugin.testing.case import OpenStore, StoreCase
from cookietrack_plugin.testing.samples import make_cookie

Options = Mapping[str, Any]


class ConfigurationChecks(StoreCase):
    def test_valid_options_are_accepted(self, store_options: Options) -> None:
        """check() accepts the options that the suite opens the store with, and alters none.

        ICookieStoreProvider.check: "Check the `store` item of a node configuration, `type`
        included."
        """
        before = deepcopy(store_options)
        self.new_provider().check(store_options)
        assert store_options == before

    def test_an_unknown_option_is_refused(self, store_options: Options) -> None:
        """check() raises ConfigError, naming the attribute, for one that nobody reads.

        ICookieStoreProvider.check: "An attribute that the store does not know is an error."
        """
        self._refused("cookie_jar", {**store_options, "cookie_jar": 1})

    def test_a_value_of_a_wrong_type_is_refused(self, store_options: Options) -> None:
        """check() raises ConfigError, naming the attribute, for a list or mapping out of place.

        ICookieStoreProvider.check: "naming the attribute, what was expected, and what was found."
        """
        for attribute, value in _given(store_options):
            for wrong in ([7], {"a": 7}):
                if not isinstance(value, type(wrong)):
                    self._refused(attribute, {**store_options, attribute: wrong})

    def test_null_is_a_value_like_any_other(self, store_options: Options) -> None:
        """check() of an attribute that is null accepts it or raises ConfigError, naming it.

        ICookieStoreProvider.check: "naming the attribute, what was expected, and what was found."
        """
        for attribute, _ in _given(store_options):
            self._accepted_or_refused(attribute, {**store_options, attribute: None})

    def test_a_missing_option_is_refused(self, store_options: Options) -> None:
        """check() without an attribute accepts that or raises ConfigError, naming it.

        ICookieStoreProvider.check: "naming the attribute, what was expected, and what was found."
        """
        for attribute, _ in _given(store_options):
            rest = {key: value for key, value in store_options.items() if key != attribute}
            self._accepted_or_refused(attribute, rest)

    def test_what_the_author_calls_wrong_is_refused(self) -> None:
        """check() raises ConfigError, naming the attribute, for each of `wrong_options`.

        ICookieStoreProvider.check: "naming the attribute, what was expected, and what was found."
        """
        for attribute, options in self.wrong_options:
            self._refused(attribute, options)

    def test_check_opens_nothing(
        self, store_options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """check() leaves no file behind.

        ICookieStoreProvider.check: "Opens nothing, waits for nothing"
        """
        monkeypatch.chdir(tmp_path)
        self.new_provider().check(store_options)
        assert list(tmp_path.iterdir()) == []

    def test_paths_are_relative_to_the_node_directory(
        self, open_store: OpenStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing of the store lies in the working directory.

        ICookieStoreProvider.open: "Paths are relative to `node_dir`."
        """
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        store = open_store()
        store.commit([Create(make_cookie())])
        store.close()
        assert list(elsewhere.iterdir()) == []

    def test_a_place_that_cannot_be_used_is_wrong(
        self, store_options: Options, tmp_path: Path
    ) -> None:
        """open() raises ConfigError, not its driver's error, if it needs a directory there.

        ICookieStoreProvider.open: "what the options name is wrong, and waiting does not help"
        """
        (tmp_path / "file").touch()
        with suppress(ConfigError):
            self.new_provider().open(store_options, str(tmp_path / "file")).close()

    def test_foreign_data_is_not_taken_for_a_store(
        self, store_options: Options, node_dir: Path
    ) -> None:
        """open() raises StoreCorrupt where something lies that is no store of this type.

        ICookieStoreProvider.open: "what is there is not a store of this type, or one of a newer
        format."
        """
        self.need("foreign")
        self.plant(store_options, node_dir)
        with pytest.raises(StoreCorrupt):
            self.new_provider().open(store_options, str(node_dir))

    def _refused(self, attribute: str, options: Options) -> None:
        with pytest.raises(ConfigError, match=attribute):
            self.new_provider().check(options)

    def _accepted_or_refused(self, attribute: str, options: Options) -> None:
        try:
            self.new_provider().check(options)
        except ConfigError:
            self._refused(attribute, options)


def _given(options: Options) -> list[tuple[str, Any]]:
    return [(attribute, value) for attribute, value in options.items() if attribute != "type"]
