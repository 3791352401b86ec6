"""A badge for a README: a label and what there is to say, side by side, as an SVG."""

from html import escape

HEIGHT_PX, PADDING_PX, CHARACTER_PX = 20, 8, 7
GOOD, BAD = "#2c7a3f", "#b3261e"
_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img" \
aria-label="{label}: {text}">
<title>{label}: {text}</title>
<rect width="{left}" height="{height}" fill="#555"/>
<rect x="{left}" width="{right}" height="{height}" fill="{colour}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
<text x="{left_middle}" y="14">{label}</text>
<text x="{right_middle}" y="14">{text}</text>
</g>
</svg>
"""


def badge(label: str, text: str, good: bool) -> str:
    """:param good: chooses the colour; the words say it as well."""
    left, right = _width(label), _width(text)
    return _SVG.format(
        label=escape(label),
        text=escape(text),
        width=left + right,
        height=HEIGHT_PX,
        left=left,
        right=right,
        left_middle=left // 2,
        right_middle=left + right // 2,
        colour=GOOD if good else BAD,
    )


def _width(text: str) -> int:
    return 2 * PADDING_PX + CHARACTER_PX * len(text)
