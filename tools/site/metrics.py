"""The metrics of the service `cookietrack-metrics`, as it gives them."""

from pathlib import Path

from cookietrack_plugin.router.collector import Collector
from tools.site.parts import table


def metrics(_: Path) -> str:
    """A row for each: a counter's name has the `_total` with which Prometheus reads it."""
    rows = [
        (
            f"`{each.name}{'_total' if each.type == 'counter' else ''}`",
            each.type,
            ", ".join(f"`{label}`" for label in each._labelnames),
            f"{each.documentation}",
        )
        for each in Collector([], []).collect()
    ]
    return table(("metric", "type", "labels", "meaning"), rows)
