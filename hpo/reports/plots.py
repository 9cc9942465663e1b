"""Pictures of landscapes and of what is read out of them, for papers and terminals without a browser.

Each takes the tables that `analysis`, `ablation` and `subset` give and writes a PNG, SVG or PDF file. Colours are those
of Okabe and Ito, which the colour-blind tell apart, and lines differ by their marks as well.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from arl.errors import InputError, unknown
from arl.text import plural
from landscapes.dataset import Landscape

SUFFIXES = (".png", ".svg", ".pdf")
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKS = ("o", "s", "^", "D", "v", "P")
GREY = "#777777"
OUTCOMES = {"tuning": "incumbent, tuning seeds", "test": "incumbent, other seeds", "best": "best of them, other seeds"}
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "figure.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "legend.frameon": False,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,  # text stays text
    "svg.fonttype": "none",
}


def check(path: Path) -> Path:
    """The path, if a picture can be written there.

    Raises:
        InputError: another type of file.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"picture must be a .png, .svg or .pdf file, got {path.name!r}")
    return path


def landscape(data: Landscape, x: str, y: str | None, path: Path) -> Path:
    """Draw the mean scores of all configs over one hyperparameter, or over two with the score as colour.

    Raises:
        InputError: an unknown hyperparameter, or a file type that can't be written.
    """
    for name in (x, *([y] if y else [])):
        if name not in data.hyperparameters:
            raise unknown(f"hyperparameter of {data.name}", name, data.hyperparameters)
    if x == y:
        raise InputError(f"x and y must be two hyperparameters, got {x} twice")
    with _picture(path, (4.5, 3)) as (figure, axes):
        frame = data.scores().dropna(subset=[name for name in (x, y) if name])
        _over_two(axes, data, frame, x, y, figure) if y else _over_one(axes, data, frame, x, figure)
        if x in data.log_hyperparameters:
            axes.set_xscale("log")
        if y in data.log_hyperparameters:
            axes.set_yscale("log")
        axes.set(xlabel=x, ylabel=y or "mean return")
        figure.suptitle(f"{data.name}: {len(frame)} configs, {plural(len(data.seeds), 'seed')}")
    return path


def importance(data: Landscape, fanova: pd.DataFrame, ped_anova: pd.DataFrame, path: Path) -> Path:
    """Draw importance at each evaluation point by both methods, `analysis.fanova` and `analysis.importance`, and at the last
    beside each other, with one standard deviation over the trees where there are any.
    """
    alone = fanova[fanova.other.isna()]
    shares, spread = (
        100 * alone.pivot(index="hyperparameter", columns="point", values=of) for of in ("share", "share_std")
    )
    ped = 100 * ped_anova.set_index("hyperparameter").set_axis(shares.columns, axis=1)
    steps = alone.groupby("point").env_steps.first()
    order = (shares.iloc[:, -1] + ped.iloc[:, -1].reindex(shares.index)).sort_values(ascending=False).index
    shares, spread, ped = (table.reindex(order) for table in (shares, spread, ped))
    size = (1.8 + 0.56 * shares.shape[1], 1.2 + 0.2 * len(order))
    layout = {"width_ratios": [shares.shape[1], shares.shape[1], 8], "sharey": True}
    with _picture(path, (max(size[0], 5), size[1]), columns=3, **layout) as (figure, (left, middle, right)):
        for axes, table, title in ((left, shares, "fANOVA"), (middle, ped, "PED-ANOVA")):
            axes.set(xlabel="env steps", title=f"{title}, %")
            _cells(axes, table.to_numpy(), list(map(_prefixed(), steps)), order, ".0f", "Blues", (0, 100))
        rows, bars = np.arange(len(order)), {"error_kw": {"elinewidth": 0.8}, "capsize": 1.5, "height": 0.38}
        error = [np.minimum(shares.iloc[:, -1], spread.iloc[:, -1]), spread.iloc[:, -1]]
        right.barh(rows - 0.2, shares.iloc[:, -1], xerr=error, color=COLORS[0], label="fANOVA, std of trees", **bars)
        right.barh(rows + 0.2, ped.iloc[:, -1], color=COLORS[1], label="PED-ANOVA", height=0.38)
        right.set(xlabel="importance, %", title="full run", xlim=(0, None))
        right.legend(loc="lower right", fontsize=7)
        figure.suptitle(f"{data.name}: importance of hyperparameters")
    return path


def interactions(data: Landscape, fanova: pd.DataFrame, path: Path, top: int = 10) -> Path:
    """Draw the largest pairwise interactions of `analysis.fanova` at one point, with one standard deviation over trees."""
    pairs = fanova.dropna(subset="other").sort_values("share", ascending=False)
    alone, both = 100 * fanova.share[fanova.other.isna()].sum(), 100 * pairs.share.sum()
    with _picture(path, (4.5, 2.9)) as (figure, axes):
        shown = pairs.head(top)[::-1]
        names = [f"{row.hyperparameter} and {row.other}" for row in shown.itertuples()]
        error = [100 * np.minimum(shown.share, shown.share_std), 100 * shown.share_std]
        axes.barh(names, 100 * shown.share, xerr=error, color=COLORS[0], error_kw={"elinewidth": 0.8}, capsize=2)
        axes.set(xlabel="share of the variance, %", xlim=(0, None))
        axes.grid(axis="x", lw=0.3)
        axes.set_axisbelow(True)
        title = f"{data.name}: largest interactions (fANOVA, bars: std of trees)"
        figure.suptitle(f"{title}\nalone {alone:.0f} %, pairs {both:.0f} %, more {100 - alone - both:.0f} %")
    return path


def ablation(data: Landscape, steps: pd.DataFrame, path: Path, note: str = "") -> Path:
    """Draw `ablation.path`: the predicted score after each step, with the spread over the forest's trees, and what was
    measured at both ends, with the spread over seeds. `note` goes into the title.
    """
    labels = [_change(*row) for row in zip(steps.hyperparameters, steps.change, strict=True)]
    heights = np.array([label.count("\n") + 2.0 for label in labels])
    rows, known = heights.cumsum() - heights / 2, steps.measured.notna()
    with _picture(path, (5.5, max(0.9 + 0.12 * heights.sum(), 1.8))) as (figure, axes):
        bars: dict[str, Any] = {"elinewidth": 0.8, "capsize": 2}
        predicted, measured = steps, steps[known]
        axes.errorbar(
            predicted.score,
            rows,
            xerr=predicted.score_std,
            color=COLORS[0],
            marker="o",
            **bars,
            label="surrogate, std of trees",
        )
        axes.errorbar(
            measured.measured,
            rows[known],
            xerr=measured.measured_std,
            color=COLORS[1],
            fmt="D",
            **bars,
            label="measured, std of seeds",
        )
        axes.set_yticks(rows, labels, fontsize=7)
        axes.invert_yaxis()
        axes.grid(axis="x", lw=0.3)
        axes.set(xlabel="mean return")
        figure.suptitle(f"{data.name}: from the default config to the best\n{note}".strip())
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return path


def fidelity_correlation(data: Landscape, table: pd.DataFrame, path: Path) -> Path:
    """Draw `analysis.fidelity_correlation`."""
    with _picture(path, (3.8, 3.2)) as (figure, axes):
        labels, lowest = list(map(_prefixed(), table)), min(0.0, float(table.min().min()))
        image = _cells(axes, table.to_numpy(), labels, labels, ".2f", "cividis", (lowest, 1.0))
        axes.set(xlabel="env steps", ylabel="env steps")
        figure.suptitle(f"{data.name}: rank correlation between fidelities")
        figure.colorbar(image, label="Spearman correlation", shrink=0.8)
    return path


def reliability(data: Landscape, table: pd.DataFrame, path: Path) -> Path:
    """Draw `analysis.reliability`, and how it goes on with more seeds by the formula of Spearman and Brown."""
    with _picture(path, (3.4, 2.6)) as (figure, axes):
        axes.fill_between(table.seeds, table.low, table.high, color=COLORS[0], alpha=0.2, lw=0, label="9 of 10 splits")
        axes.plot(table.seeds, table.correlation, color=COLORS[0], marker="o", label="mean of splits")
        last = table.iloc[-1]
        more = np.linspace(last.seeds, len(data.seeds), 50)
        one = last.correlation / (last.seeds - (last.seeds - 1) * last.correlation)
        axes.plot(more, more * one / (1 + (more - 1) * one), color=GREY, ls="--", label="Spearman-Brown")
        axes.set(xlabel="seeds in each half", ylabel="rank correlation", ylim=(min(0.0, table.low.min()), 1.02))
        figure.suptitle(f"{data.name}: agreement between seeds")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(lw=0.3)
        axes.legend(loc="lower right")
    return path


def distribution(data: Landscape, table: pd.DataFrame, path: Path) -> Path:
    """Draw the distribution of the configs' mean scores, and the share of them near the best: of the means, marked by
    `analysis.near_best`, and of single seeds.
    """
    final, span = data.cube[:, :, -1], abs(data.return_range[1] - data.return_range[0])
    with _picture(path, (6.9, 2.7), columns=2) as (figure, (left, right)):
        left.hist(final.mean(axis=1), bins=30, color=COLORS[0], edgecolor="white", lw=0.4)
        if data.has_default:
            left.axvline(final[0].mean(), color=COLORS[1], ls="--", label="default config")
        left.set(xlabel="mean return over seeds", ylabel="configs")
        for i, scores in enumerate(final.T):
            right.ecdf(
                100 * (scores.max() - scores) / span, color=GREY, lw=0.3, alpha=0.7, label=None if i else "single seeds"
            )
        means = final.mean(axis=1)
        right.ecdf(100 * (means.max() - means) / span, color=COLORS[0], label="mean over seeds")
        right.plot(100 * table.within, table.configs, "o", color=COLORS[0], ms=3)
        said = [f"within {100 * row.within:g} %: {100 * row.configs:.2g} % of configs" for row in table.itertuples()]
        right.text(0.03, 0.98, "\n".join(said), transform=right.transAxes, va="top", fontsize=7)
        right.set(xlabel="distance from the best, % of the return range", ylabel="share of configs", xlim=(0, 100))
        figure.legend(loc="outside lower center", ncols=3)
        figure.suptitle(f"{data.name}: {len(final)} configs, {plural(final.shape[1], 'seed')}")
    return path


def optimism(data: Landscape, table: pd.DataFrame, path: Path) -> Path:
    """Draw `analysis.optimism`, a panel per number of configs; bands of one standard deviation over repetitions."""
    sizes, least, most = sorted(table.configs.unique()), data.cube[:, :, -1].min(), data.cube[:, :, -1].max()
    with _picture(path, (2.3 * len(sizes), 2.5), columns=len(sizes), sharey=True, squeeze=False) as (figure, panels):
        for axes, size in zip(panels[0], sizes, strict=True):
            rows = table[table.configs == size]
            for (name, label), color, mark in zip(OUTCOMES.items(), COLORS, MARKS, strict=False):
                axes.plot(rows.seeds, rows[name], color=color, marker=mark, ms=3, label=label)
                if (spread := f"{name}_std") in rows:
                    low, high = rows[name] - rows[spread], rows[name] + rows[spread]
                    axes.fill_between(
                        rows.seeds, low.clip(lower=least), high.clip(upper=most), color=color, alpha=0.15, lw=0
                    )
            axes.set(xlabel="tuning seeds", title=f"best of {size} configs")
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(lw=0.3)
        panels[0][0].set_ylabel("mean return")
        figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        figure.suptitle(f"{data.name}: random search")
    return path


def task_correlation(table: pd.DataFrame, num_configs: int, path: Path) -> Path:
    """Draw `subset.correlation`."""
    size = 1.4 + 0.5 * len(table)
    with _picture(path, (size + 0.8, size)) as (figure, axes):
        names = [_env(name) for name in table]
        image = _cells(axes, table.to_numpy(), names, names, ".2f", "PuOr", (-1, 1))
        figure.suptitle(f"{table.columns[0].split('/')[0]}: rank correlation between tasks, {num_configs} configs")
        figure.colorbar(image, label="Spearman correlation", shrink=0.8)
    return path


def subsets(table: pd.DataFrame, path: Path) -> Path:
    """Draw `subset.subsets`: all subsets, and the best of each size with its interval and its tasks."""
    best = table.groupby("size", as_index=False).first()
    labels = [f"{row.size}: " + ",\n".join(map(_env, row.tasks.split(", "))) for row in best.itertuples()]
    with _picture(path, (5, 1.2 + 0.14 * sum(label.count("\n") + 2 for label in labels))) as (figure, axes):
        axes.plot(table.correlation, table["size"], "o", color=GREY, ms=3, alpha=0.5, label="every subset")
        error = [best.correlation - best.low, best.high - best.correlation]
        axes.errorbar(
            best.correlation,
            best["size"],
            xerr=error,
            color=COLORS[0],
            marker="o",
            capsize=2,
            label="best of its size, 95 %",
        )
        axes.set_yticks(best["size"], labels)
        axes.invert_yaxis()
        axes.set(xlabel="rank correlation of prediction and mean over all tasks", ylim=(len(best) + 0.5, 0.5))
        figure.suptitle(f"{table.tasks[0].split('/')[0]}: what a subset of tasks says of all")
        axes.grid(axis="x", lw=0.3)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return path


@contextmanager
def _picture(path: Path, size: tuple[float, float], columns: int = 1, **layout: Any) -> Iterator[tuple[Any, Any]]:
    """A figure, `size` in inches, and its axes side by side; written when all is drawn."""
    check(path)
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(1, columns, figsize=size, layout="constrained", **layout)
        try:
            yield figure, axes
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path)
        finally:
            pyplot.close(figure)


def _cells(
    axes: Any, values: np.ndarray, columns: Sequence[str], rows: Sequence[str], form: str, colors: str, range_: tuple
) -> Any:
    """A table as colours and numbers, dark on light and light on dark; the image."""
    image = axes.imshow(values, cmap=colors, vmin=range_[0], vmax=range_[1], aspect="auto")
    for row, column in np.ndindex(values.shape):
        red, green, blue, _ = image.cmap(image.norm(values[row, column]))
        ink = "black" if 0.3 * red + 0.6 * green + 0.1 * blue > 0.5 else "white"
        text = "" if np.isnan(values[row, column]) else f"{values[row, column]:{form}}"
        axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=6)
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), rows)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return image


def _env(task: str) -> str:
    return task.partition("/")[2]


def _change(names: str, values: str) -> str:
    """A step's hyperparameters with their values, over as many lines as it takes."""
    parts = [f"{name} {value}".strip() for name, value in zip(names.split(", "), values.split(", "), strict=True)]
    return "\n".join(parts)


def _prefixed() -> Any:
    """Writes 10000 as 10k."""
    from matplotlib.ticker import EngFormatter

    return EngFormatter(sep="")


def _over_one(axes: Any, data: Landscape, frame: pd.DataFrame, x: str, figure: Any) -> None:
    """Means with the quartiles of the seeds, and the running median where x is a number."""
    values = _positions(axes.xaxis, data, frame[x])
    quartiles = np.quantile(data.cube[frame.index, :, -1], [0.25, 0.75], axis=1)
    axes.vlines(values, *quartiles, lw=0.5, alpha=0.4, color=COLORS[0])
    axes.plot(values, frame.score, "o", ms=2.5, alpha=0.7, color=COLORS[0], label="mean and quartiles of seeds")
    if x in data.numbers:
        ordered = frame.sort_values(x)
        median = ordered.score.rolling(max(len(frame) // 10, 5), center=True).median()
        axes.plot(ordered[x].to_numpy(float), median, color=COLORS[1], lw=2, label="running median")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)


def _over_two(axes: Any, data: Landscape, frame: pd.DataFrame, x: str, y: str, figure: Any) -> None:
    """Points coloured by score, the best on top."""
    frame = frame.sort_values("score")
    across, up = _positions(axes.xaxis, data, frame[x]), _positions(axes.yaxis, data, frame[y])
    points = axes.scatter(across, up, c=frame.score, s=22, cmap="viridis")
    figure.colorbar(points, label="mean return")


def _positions(axis: Any, data: Landscape, values: pd.Series) -> np.ndarray:
    """Numbers as they are; choices side by side, spread a little so that points do not hide each other."""
    if values.name in data.numbers:
        return values.to_numpy(float)
    choices = sorted(values.unique())
    axis.set_ticks(range(len(choices)), [str(choice) for choice in choices])
    place = {choice: i for i, choice in enumerate(choices)}
    jitter = np.random.default_rng(ord(axis.axis_name)).uniform(-0.25, 0.25, len(values))
    return values.map(place).to_numpy(float) + jitter
