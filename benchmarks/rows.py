"""A figure as the cells of a table: the same for the terminal and for the documentation."""

from benchmarks.figure import Figure, number

COLUMNS = ("what", "case", "median", "spread", "ratio", "spread of it", "to", "target", "verdict")
NUMERIC = frozenset(("median", "spread", "ratio", "spread of it", "target"))
MET, NOT_MET = "met", "not met"


def cells(figure: Figure) -> tuple[str, ...]:
    return (
        figure.metric,
        figure.case,
        f"{number(figure.value)} {figure.unit}",
        _range(figure.spread),
        "" if figure.ratio is None else number(figure.ratio),
        _range(figure.ratio_spread),
        figure.compared_with or "",
        str(figure.target or ""),
        verdict(figure),
    )


def verdict(figure: Figure) -> str:
    return "" if figure.met is None else MET if figure.met else NOT_MET


def _range(spread: tuple[float, float] | None) -> str:
    return "" if spread is None else " to ".join(number(end) for end in spread)
