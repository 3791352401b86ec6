"""Charts of a result: bars with their spread, and a line where the target is."""

from itertools import groupby
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from benchmarks.figure import Figure, Target
from benchmarks.result import Result

OURS, THEIRS, LINE = "#2b6cb0", "#b8c2cc", "#c53030"
THEIR_SUFFIX = " (Crossbar)"
# Text stays text, and the same result gives the same file.
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "cookietrack", "font.family": "sans-serif"}


def draw(result: Result, directory: Path) -> Path | None:
    """`directory`/NAME.svg, a panel for each metric; None where there is nothing to compare."""
    panels = [
        (metric, list(figures))
        for metric, figures in groupby(result.figures, lambda figure: figure.metric)
    ]
    panels = [(metric, figures) for metric, figures in panels if len(figures) > 1]
    if not panels:
        return None
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{result.benchmark}.svg"
    with mpl.rc_context(STYLE):
        canvas = Canvas(figsize=(8, sum(0.8 + 0.32 * len(figures) for _, figures in panels)))
        heights = [len(figures) + 2 for _, figures in panels]
        axes = canvas.subplots(len(panels), squeeze=False, height_ratios=heights)
        for (metric, figures), (panel,) in zip(panels, axes, strict=True):
            _bars(panel, metric, figures)
        canvas.tight_layout()
        canvas.savefig(path, metadata={"Date": None, "Creator": None})
    return path


def _bars(panel: Axes, metric: str, figures: list[Figure]) -> None:
    relative = _are_ratios(figures)
    if relative:
        figures = [figure for figure in figures if figure.ratio is not None]
    values = [figure.ratio if relative else figure.value for figure in figures]
    spreads = [figure.ratio_spread if relative else figure.spread for figure in figures]
    below = [value - low for value, (low, _) in zip(values, spreads, strict=True)]
    above = [high - value for value, (_, high) in zip(values, spreads, strict=True)]
    colours = [THEIRS if THEIR_SUFFIX in figure.case else OURS for figure in figures]
    labels = [figure.case for figure in figures]
    bars = panel.barh(
        labels, values, color=colours, xerr=(below, above), ecolor="#4a5568", capsize=2
    )
    panel.bar_label(bars, labels=[f" {value:.3g}" for value in values], padding=3, fontsize=8)
    panel.invert_yaxis()
    panel.margins(x=0.12)
    panel.spines[["top", "right"]].set_visible(False)
    panel.tick_params(labelsize=8)
    panel.set_title(f"{metric}: {_scale(figures, relative)}", loc="left", fontsize=9)
    targets = {figure.target for figure in figures if figure.target}
    if len(targets) == 1:
        _target_line(panel, targets.pop())


def _are_ratios(figures: list[Figure]) -> bool:
    """Whether everything but the baselines is compared with one; else absolute values are shown."""
    baselines = {figure.compared_with for figure in figures} - {None}
    return bool(baselines) and all(
        figure.ratio is not None for figure in figures if figure.case not in baselines
    )


def _scale(figures: list[Figure], relative: bool) -> str:
    if not relative:
        return figures[0].unit
    bases = {figure.compared_with for figure in figures if figure.compared_with}
    if len(bases) == 1:
        return f"ratio to {bases.pop()}"
    # Each node has one of its own.
    names = {base.removesuffix(THEIR_SUFFIX) for base in bases}
    return f"ratio to {' / '.join(sorted(names))}"


def _target_line(panel: Axes, target: Target) -> None:
    panel.axvline(target.limit, color=LINE, linewidth=1, linestyle="--")
    # At the upper edge of the panel.
    place = panel.get_xaxis_transform()
    panel.text(
        target.limit, 1.0, f" {target}", color=LINE, fontsize=8, va="bottom", transform=place
    )
