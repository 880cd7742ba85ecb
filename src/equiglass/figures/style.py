"""What all figures have in common: size, colours, and how they are written."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equiglass.errors import ConfigurationError, missing
from equiglass.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN = 3.4
"""Width of a journal column, inches."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Palette of Okabe and Ito, which any colour vision can tell apart: blue, vermilion, green, ..."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
CEILING: dict[str, Any] = {"color": "0.4", "linestyle": (0, (4, 2))}
"""Line of a noise ceiling."""

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


@contextmanager
def style() -> Iterator[None]:
    """Draw in the style of all figures.

    Raises:
        SetupError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError:
        raise missing("A figure", "matplotlib", "plot") from None
    with mpl.rc_context(STYLE):
        yield


def new_axes() -> Axes:
    """Axes of a new figure, one column wide."""
    from matplotlib.figure import Figure

    return Figure(figsize=(COLUMN, 0.85 * COLUMN), layout="constrained").add_subplot()


def panels(rows: int, columns: int, width: float, height: float, **shared: Any) -> tuple[Figure, Any]:
    """A new figure and its axes, (rows, columns); the size is in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **shared)


def level(ax: Axes, height: float) -> None:
    """A dashed line across the axes at this height; none for NaN."""
    if height == height:
        ax.axhline(height, linewidth=0.8, zorder=1, **CEILING)


def legend_above(ax: Axes, **how: Any) -> None:
    """A legend above the axes, where it hides no curve."""
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), **how)


def in_mathematics(name: object) -> str:
    """A name with E_pot as a formula."""
    return str(name).replace("E_pot", r"$E_\mathrm{pot}$")


def stem(label: str) -> str:
    """A label as part of a file name: "F=1/e" has a slash."""
    return re.sub(r"[^\w.=-]+", "-", label)


def figure_of(ax: Axes) -> Figure:
    """The figure itself, where the axes lie in a part of one."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write a figure in the format of the suffix: .png (200 dpi), .pdf or .svg.

    Raises:
        ConfigurationError: an unknown suffix.
        EquiglassError: the file cannot be written.
    """
    path = Path(path)
    if path.suffix not in (".png", ".pdf", ".svg"):
        raise ConfigurationError(f"{path}: figures are written as .png, .pdf or .svg.")
    with replacing(path) as temporary, style():
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(temporary, format=path.suffix[1:])


def figure_png(figure: Figure) -> bytes:
    """A figure as a PNG file, 200 dpi."""
    file = io.BytesIO()
    with style():
        figure.savefig(file, format="png")
    return file.getvalue()
