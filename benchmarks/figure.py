"""What a benchmark finds: figures, each with its rounds, what it is compared with, and a target."""

import operator
from collections.abc import Mapping
from statistics import median
from typing import Any

from attrs import field, frozen

COMPARISONS = {"≥": operator.ge, "≤": operator.le}


@frozen
class Target:
    """What the figure has to be: `≥` or `≤` a number; of the ratio where there is one."""

    comparison: str
    limit: float

    def met_by(self, value: float) -> bool:
        return bool(COMPARISONS[self.comparison](value, self.limit))

    def __str__(self) -> str:
        return f"{self.comparison} {number(self.limit)}"


# One for all cases that are judged, or one for each of them, by label.
Targets = Target | Mapping[str, Target]


@frozen
class Figure:
    """
    One row: `values` are the measurements of `metric` for `case`, one for each round, in `unit`.

    With `baseline`, the measurements of `compared_with` in the same rounds, the row is also a
    ratio. It is taken round by round, so that what slows a machine down for a while cancels out.
    """

    metric: str
    case: str
    unit: str
    values: tuple[float, ...] = field(converter=tuple)
    compared_with: str | None = None
    baseline: tuple[float, ...] = field(default=(), converter=tuple)
    target: Target | None = None

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        return min(self.values), max(self.values)

    @property
    def ratios(self) -> list[float]:
        """Empty without a baseline, and where one of its rounds found nothing to divide by."""
        if not all(base > 0 for base in self.baseline):
            return []
        return [value / base for value, base in zip(self.values, self.baseline, strict=True)]

    @property
    def ratio(self) -> float | None:
        return median(self.ratios) if self._is_comparable else None

    @property
    def ratio_spread(self) -> tuple[float, float] | None:
        return (min(self.ratios), max(self.ratios)) if self._is_comparable else None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target, or where that cannot be said."""
        judged = self.ratio if self.compared_with else self.value
        return self.target.met_by(judged) if self.target and judged is not None else None

    @property
    def _is_comparable(self) -> bool:
        return self.compared_with is not None and bool(self.ratios)

    def as_json(self) -> dict[str, Any]:
        return {
            "metric": self.metric,
            "case": self.case,
            "unit": self.unit,
            "values": list(self.values),
            "median": self.value,
            "spread": self.spread,
            "compared_with": self.compared_with,
            "baseline": list(self.baseline),
            "ratio": self.ratio,
            "ratio_spread": self.ratio_spread,
            "target": str(self.target) if self.target else None,
            "met": self.met,
        }


def from_json(row: dict[str, Any]) -> Figure:
    """The figure that `as_json` wrote."""
    target = None
    if row["target"]:
        comparison, limit = row["target"].split(" ", 1)
        target = Target(comparison, float(limit.replace(",", "")))
    return Figure(
        row["metric"],
        row["case"],
        row["unit"],
        row["values"],
        row["compared_with"],
        row["baseline"],
        target,
    )


def number(value: float) -> str:
    """Three significant digits, thousands apart, no exponent."""
    if value >= 1000:
        return f"{value:,.0f}"
    if value == 0:
        return "0"
    return f"{float(f'{value:.3g}'):.10f}".rstrip("0").rstrip(".")
