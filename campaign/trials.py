"""Which trials there are, and which of them with which stores were asked for."""

from collections.abc import Iterator

from campaign import damage, errnos, kills, outages, powercuts, rivals, strangers
from campaign.trial import Trial

TRIALS = {
    module.TRIAL.name: module.TRIAL
    for module in (kills, powercuts, errnos, damage, rivals, outages, strangers)
}


class UnknownTrial(LookupError):
    """The message has those that are known."""


def choose(only: str | None) -> Iterator[tuple[Trial, str]]:
    """
    The trials, each with the names of its subjects. `only`: `TRIAL`, `TRIAL:STORE` or `:STORE`, and
    several with commas between; None for all.

    :raises UnknownTrial: there is no such trial, or not with this store.
    """
    wanted = [part.strip().partition(":") for part in (only or "").split(",")]
    for name, _, store in wanted:
        found = [
            (trial, subject)
            for trial in TRIALS.values()
            for subject in trial.subjects
            if name in ("", trial.name) and store in ("", subject)
        ]
        if not found:
            known = ", ".join(f"{each.name}:{'|'.join(each.subjects)}" for each in TRIALS.values())
            raise UnknownTrial(f"unknown trial {name}:{store}: there are {known}")
        yield from found
