"""Pictures as PNG, for a page. They need matplotlib, which is the extra `plots`; numbers do without."""

from __future__ import annotations

import base64
import importlib.util
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from grader.frontier import data as data_sets
from grader.frontier import fits as kl_fits
from grader.frontier.measures import Estimate
from grader.frontier.records import Finding, Fit
from grader.frontier.validity import main_evidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 10
"""Of a grid of images."""

_INK, _BLUE, _RED, _SOFT = "#24272c", "#22577a", "#b3261e", "#8a8f98"


def available() -> bool:
    """Whether pictures can be drawn here."""
    return importlib.util.find_spec("matplotlib") is not None


def samples(data: str, points: NDArray[Any]) -> str:
    """A grid of images, or points of the plane, as a data URL."""
    if data == "digits":
        return _grid(points)
    figure, axes = _figure(3.0, 3.0)
    box = data_sets.load(data).space
    axes.scatter(points[:, 0], points[:, 1], s=2, c=_BLUE, alpha=0.35, linewidths=0)
    end = box.low + box.width * box.levels
    axes.set(xlim=(box.low, end), ylim=(box.low, end), aspect="equal")
    return _url(figure)


def frontier(findings: Sequence[Finding], floor: Finding) -> str:
    """Cost of sampling against likelihood, and against distance of samples, as a data URL."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.2, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    _likelihoods(left, findings, floor)
    _distances(right, findings, floor)
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xlabel("networks asked one after another, for a sample")
        axes.margins(x=0.2)
        axes.grid(alpha=0.25)
    return _url(figure)


def fits(found: Sequence[Fit]) -> str:
    """The mixture, and each Gaussian at one and two standard deviations, as a data URL."""
    from matplotlib.patches import Ellipse

    figure, axes = _figure(5.2, 3.6)
    line = np.linspace(-5, 5, 160)
    grid = np.stack(np.meshgrid(line, line, indexing="xy"), -1)
    density = np.exp(kl_fits.target_log_density(grid.reshape(-1, 2))).reshape(160, 160)
    axes.contourf(line, line, density, levels=12, cmap="Greys", alpha=0.8)
    for fit, colour in zip(found, (_RED, _BLUE, "#2e7d4f"), strict=True):
        for stds in (1, 2):
            width, height = (2 * stds * std for std in fit.std)
            label = fit.name if stds == 1 else None
            x, y = fit.mean
            axes.add_patch(Ellipse((x, y), width, height, fill=False, edgecolor=colour, lw=1.6 / stds, label=label))
    axes.set(aspect="equal", xlim=(-5, 5), ylim=(-3.6, 3.6))
    axes.legend(fontsize=7, loc="lower right")
    return _url(figure)


def _likelihoods(axes: Axes, findings: Sequence[Finding], floor: Finding) -> None:
    for finding in findings:
        evidence = main_evidence(finding)
        if evidence is None:
            # At the edge, where there is no likelihood to be at.
            axes.plot(finding.sampling_calls, 0.03, "x", color=_RED, transform=axes.get_xaxis_transform())
            axes.annotate(
                f"{finding.title} (none)",
                (finding.sampling_calls, 0.03),
                xycoords=axes.get_xaxis_transform(),
                textcoords="offset points",
                xytext=(6, 2),
                fontsize=7,
                color=_RED,
            )
            continue
        style = {"exact": {"fmt": "o"}, "lower": {"fmt": "v", "mfc": "white"}}[evidence.kind]
        _point(axes, finding, evidence.bits_per_dim, style)
    truth = main_evidence(floor)
    if truth is not None:
        axes.axhline(truth.bits_per_dim.value, color=_SOFT, lw=1, ls="--", label="the true density")
        axes.legend(fontsize=7)
    axes.set_ylabel("bits a dimension (down is better)")
    axes.set_title("likelihood: ● exact, ▽ at most this many, ✕ none", fontsize=9)


def _distances(axes: Axes, findings: Sequence[Finding], floor: Finding) -> None:
    for finding in findings:
        if finding.energy_distance is not None and np.isfinite(finding.energy_distance.value):
            _point(axes, finding, finding.energy_distance, {"fmt": "o"})
    if floor.energy_distance is not None:
        axes.axhline(floor.energy_distance.value, color=_SOFT, lw=1, ls="--", label="the data themselves")
        axes.legend(fontsize=7)
    axes.set_ylabel("energy distance to held-out data (down is better)")
    axes.set_title("samples", fontsize=9)


def _point(axes: Axes, finding: Finding, estimate: Estimate, style: Mapping[str, Any]) -> None:
    axes.errorbar(finding.sampling_calls, estimate.value, yerr=2 * estimate.error, color=_BLUE, capsize=2, **style)
    place = (finding.sampling_calls, estimate.value)
    axes.annotate(finding.title, place, textcoords="offset points", xytext=(6, 4), fontsize=7, color=_INK)


def _grid(images: NDArray[Any]) -> str:
    rows = list(_rows(images))
    figure, axes = _figure(3.0, 3.0 * len(rows) / COLUMNS)
    axes.imshow(np.concatenate(rows), cmap="gray_r", vmin=0, vmax=16, interpolation="nearest")
    return _url(figure)


def _rows(images: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Rows of images, with a line of nothing between neighbours."""
    for start in range(0, len(images) - len(images) % COLUMNS, COLUMNS):
        some = images[start : start + COLUMNS].reshape(-1, 8, 8)
        yield np.concatenate([np.pad(image, ((0, 1), (0, 1))) for image in some], axis=1)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set_xticks([])
    axes.set_yticks([])
    return figure, axes


def _url(figure: Figure) -> str:
    """Markup of our own: text of others is cut at a length that no picture keeps to."""
    from markupsafe import Markup

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return Markup(f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}")
