"""What stores are called in metrics, traces and health checks."""

from collections import Counter
from collections.abc import Iterable
from json import loads

from cookietrack_plugin.config.redaction import label_of


def store_labels(keys: Iterable[str]) -> dict[str, str]:
    """
    Names of stores, without what may be secret, by the stores' items as JSON. No two are the same:
    Prometheus refuses all of a page with two equal series.
    """
    labels: dict[str, str] = {}
    taken: Counter[str] = Counter()
    for key in sorted(keys):
        label = label_of(loads(key))
        taken[label] += 1
        labels[key] = label if taken[label] == 1 else f"{label} ({taken[label]})"
    return labels
