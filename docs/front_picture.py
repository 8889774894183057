"""Draw the picture of the front page from a report of the main command.

Run: python -m skqmu audit --out FOLDER && python docs/front_picture.py FOLDER/audit.json
"""

import sys
from pathlib import Path

import matplotlib

from skqmu.audit import AuditReport

matplotlib.use("svg")
import matplotlib.pyplot as plt

STATIC = Path(__file__).parent / "_static"
MODELS = {
    "original": "the trained model",
    "fine_tune": "fine-tuned on the others",
    "exact_downdate": "exact downdate",
    "retrain": "retrained",
}
PANELS = {
    "gap_auc_lira": "AUC of an attacker (LiRA)",
    "gap_distance_forget": "distance of its answers",
}
# ink, quiet ink, colours of verdicts: on white, on the theme's dark ground
INKS = {
    "light": ("#222832", "#8a929c", {"differs": "#c0392b", "indistinguishable": "#0a7d91"}),
    "dark": ("#e6e8ea", "#8a929c", {"differs": "#ff8a7a", "indistinguishable": "#4fc3d6"}),
}


def panel(ax, rows, gap, inks):
    """Differences to retraining with their intervals, one model a line."""
    ink, quiet, colours = inks
    for line, name in enumerate(MODELS):
        row = rows.loc[name]
        colour = colours.get(row["verdict"], quiet)
        ax.plot([row[f"{gap}_low"], row[f"{gap}_high"]], [line, line], color=colour, lw=3)
        ax.plot(row[gap], line, "o", color=colour, ms=8)
    ax.axvline(0, color=quiet, lw=1, ls=(0, (2, 2)), zorder=0)
    ax.set_title(PANELS[gap], color=ink, fontsize=11, loc="left")
    ax.set_ylim(len(MODELS) - 0.5, -0.5)
    ax.tick_params(colors=quiet, left=False)
    ax.spines[:].set_visible(False)


def draw(rows, shade):
    """Write the picture for one ground."""
    ink, quiet, colours = INKS[shade]
    figure, axes = plt.subplots(1, 2, figsize=(7.8, 2.9), sharey=True, layout="constrained")
    for ax, gap in zip(axes, PANELS, strict=True):
        panel(ax, rows, gap, INKS[shade])
    axes[0].set_yticks(range(len(MODELS)), MODELS.values(), color=ink, fontsize=11)
    right = axes[1].secondary_yaxis("right")
    verdicts = [rows.loc[name, "verdict"] for name in MODELS]
    right.set_yticks(range(len(MODELS)), verdicts, fontsize=11, weight="bold")
    right.tick_params(right=False)
    right.spines[:].set_visible(False)
    for label, verdict in zip(right.get_yticklabels(), verdicts, strict=True):
        label.set_color(colours.get(verdict, quiet))
    figure.supxlabel("difference from models that never saw the rows", color=quiet, fontsize=10)
    figure.get_layout_engine().set(w_pad=0.1, wspace=0.06)
    figure.savefig(
        STATIC / f"front_{shade}.svg", transparent=True, metadata={"Date": None, "Creator": None}
    )
    plt.close(figure)


def main(path):
    """Draw both."""
    plt.rcParams.update({"svg.hashsalt": "skqmu"})
    frame = AuditReport.from_json(path).to_frame()
    rows = frame[frame["scenario"] == "fraction:0.1"].set_index("model")
    for shade in INKS:
        draw(rows, shade)


if __name__ == "__main__":
    main(sys.argv[1])
