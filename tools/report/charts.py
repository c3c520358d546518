"""Charts as SVG within the page: drawn by Matplotlib, coloured by the page's own style sheet."""

import io
import itertools
import re
from collections.abc import Callable, Sequence

import matplotlib as mpl
import pandas as pd
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Colours that stand for the style sheet's variables: they are other ones in the dark and in print.
_INK, _MUTED, _RULE = "#010101", "#020202", "#030303"
_FIRST, _SECOND = "#040404", "#050505"
_VARIABLES = {
    _INK: "var(--ink)",
    _MUTED: "var(--muted)",
    _RULE: "var(--rule)",
    _FIRST: "var(--first)",
    _SECOND: "var(--second)",
}
# Of what stands beside what is in question, and of that itself.
_LINES = ({"color": _SECOND, "linestyle": (0, (4, 2))}, {"color": _FIRST, "linestyle": "-"})
_SIZE = (3.9, 2.9)  # inches: as wide as a phone, at the letters' own size
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "font.size": 9,
    "text.color": _INK,
    "axes.labelcolor": _MUTED,
    "axes.edgecolor": _RULE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _RULE,
    "grid.linewidth": 0.6,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "text.parse_math": False,
}
_numbers = itertools.count(1)


def learning_curve(
    history: pd.DataFrame, figure: str, y_label: str, summary: dict[str, float], model: str
) -> Markup:
    """Draw a figure of each epoch, on the training and on the validation pictures.

    Parameters
    ----------
    summary : of the training, as `loop.fit` gives it. Where nothing became better, the
        validation pictures' curve starts before the first epoch, which is the one that was kept.
    """
    train, validation = history[f"train_{figure}"], history[f"validation_{figure}"]
    epochs, best_epoch = history["epoch"], summary["best_epoch"]
    if not best_epoch:
        epochs = pd.concat([pd.Series([0]), epochs])
        validation = pd.concat([pd.Series([summary[f"validation_{figure}_before"]]), validation])
    kept = validation[epochs == best_epoch].iloc[0]

    def draw(axes: Axes) -> None:
        marker = "o" if len(history) == 1 else ""
        axes.plot(history["epoch"], train, marker=marker, label="training", **_LINES[0])
        axes.plot(epochs, validation, marker=marker, label="validation", **_LINES[1])
        axes.plot(best_epoch, kept, "o", color=_FIRST)
        axes.set_xlabel("Epoch")
        axes.set_ylabel(y_label)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(loc="best")

    told = (
        f"goes from {validation.iloc[0]:.3f} to {kept:.3f} in the kept epoch, {best_epoch} of "
        f"{len(history)}"
        if best_epoch
        else f"was {kept:.3f} before the training, which was kept, and ends at "
        f"{validation.iloc[-1]:.3f}"
    )
    return _chart(
        draw,
        f"{y_label} by epoch, {model}",
        f"On the validation pictures it {told}; on the training pictures it ends at "
        f"{train.iloc[-1]:.3f}.",
    )


def curves(tables: dict[str, pd.DataFrame], title: str, labels: tuple[str, str]) -> Markup:
    """Draw one curve of each model, both axes from 0 to 1.

    Parameters
    ----------
    tables : of two models, the one in question last.
    labels : of the axes, which are the columns of the tables in words.
    """
    x, y = (label.lower().replace(" ", "_") for label in labels)

    def draw(axes: Axes) -> None:
        for (name, table), line in zip(tables.items(), _LINES, strict=True):
            axes.plot(table[x], table[y], label=name, **line)
        _unit(axes, *labels)
        axes.legend(loc="lower center")

    name, table = list(tables.items())[-1]
    middle = table.iloc[(table[x] - 0.1).abs().argmin()]
    return _chart(
        draw,
        title,
        f"At a {labels[0].lower()} of {middle[x]:.2f}, the {labels[1].lower()} of the {name} model "
        f"is {middle[y]:.3f}.",
    )


def reliability(tables: dict[str, pd.DataFrame]) -> Markup:
    """Draw how often predictions are right over how sure they are, and how many there are."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=_MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
        for (name, table), line in zip(tables.items(), _LINES, strict=True):
            sizes = 12 + 130 * table["pictures"] / table["pictures"].sum()
            places = table["confidence"], table["accuracy"]
            axes.plot(*places, label=name, **line)
            axes.scatter(*places, sizes, color=line["color"], clip_on=False)
        _unit(axes, "Mean probability of the predicted class", "Share that is right")
        least = min(table["confidence"].min() for table in tables.values())
        axes.set_xlim(max(0, least - 0.06), 1.03)
        axes.legend(loc="best")

    name, table = list(tables.items())[-1]
    said = "; ".join(
        f"of {row.pictures:,.0f} predictions at {row.confidence:.2f}, {row.accuracy:.2f} are right"
        for row in table.itertuples()
    )
    return _chart(draw, "How often predictions are right", f"{name}: {said}.")


def changes(rows: Sequence[tuple[str, float, float, float]]) -> Markup:
    """Draw changes of accuracy with their intervals, in percentage points, a row each."""

    def draw(axes: Axes) -> None:
        axes.axvline(0, color=_MUTED, linewidth=0.9)
        for place, (_, change, low, high) in enumerate(rows):
            axes.plot([low, high], [place, place], color=_FIRST)
            axes.plot(change, place, "o", color=_FIRST)
        axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("Change of accuracy, percentage points")

    said = "; ".join(
        f"{name}: {change:+.2f}, from {low:+.2f} to {high:+.2f}" for name, change, low, high in rows
    )
    return _chart(draw, "Change of accuracy with its 95 % interval", said + ".", (3.9, 1.5))


def _unit(axes: Axes, x_label: str, y_label: str) -> None:
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=x_label, ylabel=y_label)


def _chart(
    draw: Callable[[Axes], None], title: str, said: str, size: tuple[float, float] = _SIZE
) -> Markup:
    """Return a chart as an <svg> element that says what it shows.

    Its width is that of its place, its letters and colours are the page's.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        figure.patch.set_visible(False)
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        draw(axes)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    number = next(_numbers)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Each id is there once in the page.
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>chart{number}-", svg)
    svg = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    box = re.search(r'viewBox="[^"]*"', svg)
    inside = svg[svg.index(">", box.end()) + 1 :]
    return Markup(
        f'<svg role="img" {box[0]} aria-labelledby="chart{number}-title chart{number}-said" '
        'xmlns:xlink="http://www.w3.org/1999/xlink">'
        f'<title id="chart{number}-title">{escape(title)}</title>'
        f'<desc id="chart{number}-said">{escape(said)}</desc>{inside}'
    )
