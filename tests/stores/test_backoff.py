"""The pauses between two attempts."""

from cookietrack_plugin.stores.kit.backoff import Backoff


def test_pauses_grow_to_the_longest_and_start_again():
    backoff = Backoff(0.2, 5.0, among=lambda _, longest: longest)
    assert [backoff.pause() for _ in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    backoff.reset()
    assert backoff.pause() == 0.2


def test_pauses_are_not_the_same_for_everybody():
    pauses = {Backoff(1.0, 5.0).pause() for _ in range(50)}
    assert len(pauses) > 1
    assert all(0.5 <= pause <= 1.0 for pause in pauses)
