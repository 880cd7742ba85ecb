"""What all figures have in common: size, colours, and how they are written."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equiglass.errors import EquiglassError
from equiglass.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Lines = Sequence[Mapping[str, Any]]
"""Lines of a table, values by column."""

COLUMN = 3.4
"""Width of a journal column, inches."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, told apart with any colour vision; blue, vermilion, green, ..."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
CEILING: dict[str, Any] = {"color": "0.4", "linestyle": (0, (4, 2))}
"""Line of a noise ceiling."""

CROSS: dict[str, Any] = {"linestyle": "", "marker": "x", "markersize": 7}
"""Mark of a published number beside one of ours."""

FIELD = "viridis"
"""Colour map of a field: even in lightness, for any colour vision."""

STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.5,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "mathtext.fontset": "dejavusans",
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
}


def unfilled(k: int) -> dict[str, Any]:
    """Marks of the k-th published curve."""
    return {"linestyle": "", "marker": MARKERS[k % len(MARKERS)], "color": "0.45", "markerfacecolor": "none"}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the style of all figures.

    Raises:
        EquiglassError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError:
        raise EquiglassError("Figures need matplotlib: pip install equiglass[plot]") from None
    with mpl.rc_context(STYLE):
        yield


def new_axes() -> Axes:
    """Axes of a new figure, one column wide."""
    from matplotlib.figure import Figure

    return Figure(figsize=(COLUMN, 0.85 * COLUMN), layout="constrained").add_subplot()


def figure_of(ax: Axes) -> Figure:
    """The figure itself, where the axes lie in a part of one."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write a figure in the format of the suffix: .png (200 dpi), .pdf or .svg.

    Raises:
        EquiglassError: an unknown suffix, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix not in (".png", ".pdf", ".svg"):
        raise EquiglassError(f"{path}: figures are written as .png, .pdf or .svg.")
    with replacing(path) as temporary, style():
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(temporary, format=path.suffix[1:])


def figure_png(figure: Figure) -> bytes:
    """A figure as a PNG file, 200 dpi."""
    file = io.BytesIO()
    with style():
        figure.savefig(file, format="png")
    return file.getvalue()
