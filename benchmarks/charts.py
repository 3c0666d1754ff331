"""Charts as SVG files: curves and bars, readable on light and on dark pages, the same bytes for the same figures.

Drawn by matplotlib (`requirements-bench.txt`). Where it is not installed, a line says so and no file is written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Point = tuple[float, float]
Bar = tuple[str, float, float | None]

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444", "#882255")
"""Told apart by the colour-blind too (Okabe and Ito's)."""
_DASHES = ("-", "--", "-.", ":")
_MARKERS = "osD^vPX*"
_LOOK = {
    "svg.fonttype": "none",  # text stays text: small, searchable, in the reader's own font
    "svg.hashsalt": "memsvc",  # else the names inside the file are new each time
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "figure.facecolor": "#ffffff",  # a page of its own: what is dark on it stays readable on a dark page
    "axes.facecolor": "#ffffff",
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
}


def lines(
    path: Path,
    title: str,
    series: Mapping[str, Sequence[Point]],
    x_label: str,
    y_label: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
) -> bool:
    """Curves, one for each name of `series`, its points in order of x; `log_*` gives an axis powers of ten.

    Gives whether the file was written: False where the library is missing.
    """
    with _page(path, title, (7.2, 4.2)) as axes:
        if axes is None:
            return False
        for n, (name, points) in enumerate(series.items()):
            xs, ys = [x for x, _ in points], [y for _, y in points]
            look = {"color": _COLOURS[n % len(_COLOURS)], "linestyle": _DASHES[n // len(_COLOURS) % len(_DASHES)]}
            axes.plot(xs, ys, label=name, marker=_MARKERS[n % len(_MARKERS)], markersize=4, linewidth=1.6, **look)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        for is_log, scale, axis in ((log_x, axes.set_xscale, axes.xaxis), (log_y, axes.set_yscale, axes.yaxis)):
            if is_log:
                scale("log")
            axis.set_major_formatter(_number)
        if not log_y:
            axes.set_ylim(bottom=0)  # a curve that does not begin at nothing makes flat look steep
        if len(series) > 1:
            axes.figure.legend(frameon=False, fontsize=9, loc="outside right upper")
    return True


def bars(path: Path, title: str, rows: Sequence[Bar], x_label: str) -> bool:
    """A bar for each (label, value, mark), the first at the top; the mark, where there is one, is a line across the
    bar: what was asked for.

    Gives whether the file was written: False where the library is missing.
    """
    with _page(path, title, (7.6, 0.9 + 0.34 * max(1, len(rows)))) as axes:
        if axes is None:
            return False
        places = range(len(rows))
        axes.barh(places, [value for _, value, _ in rows], height=0.62, color=_COLOURS[0])
        marked = [(n, mark) for n, (_, _, mark) in enumerate(rows) if mark is not None]
        for n, mark in marked:
            name = "asked" if n == marked[0][0] else None
            axes.plot([mark, mark], [n - 0.42, n + 0.42], color=_COLOURS[1], linewidth=2.2, label=name)
        for n, (_, value, mark) in enumerate(rows):
            at, told = (max(value, mark or 0), n), f"{value:.3g}"
            axes.annotate(told, at, (4, 0), textcoords="offset points", va="center", fontsize=9)
        axes.set_yticks(places, [label for label, _, _ in rows])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.12)
        axes.set_xlabel(x_label)
        if marked:
            axes.figure.legend(frameon=False, fontsize=9, loc="outside right upper")
    return True


def _number(value: float, _: int) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:g}"


@contextmanager
def _page(path: Path, title: str, size: tuple[float, float]) -> Iterator[Any]:
    """Axes to draw on, saved at the end; None without the library."""
    if find_spec("matplotlib") is None:
        print(f"{path.name} is not drawn: matplotlib is not installed (requirements-bench.txt)", file=sys.stderr)
        yield None
        return
    matplotlib, figures = import_module("matplotlib"), import_module("matplotlib.figure")
    with matplotlib.rc_context(_LOOK):
        figure = figures.Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(title, fontsize=11)
        yield axes
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Title": title})
