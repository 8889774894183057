"""Displays: what they draw, what they keep, what they refuse."""

import io
import subprocess
import sys
from types import SimpleNamespace
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.text import Text
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skqmu.metrics import (
    Estimate,
    ForgettingUtilityDisplay,
    LeakRankingDisplay,
    LossDistributionDisplay,
    MembershipRocDisplay,
    ParetoDisplay,
    ShotCurveDisplay,
    membership_result,
)

matplotlib.use("Agg")
X, Y = load_iris(return_X_y=True)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def fit(rows=slice(None)):
    return LogisticRegression(max_iter=1000).fit(X[rows], Y[rows])


class LossAttack:
    """The negative loss of a model, as an attack."""

    def __init__(self, model):
        self.model = model

    def decision_function(self, rows, labels):
        return np.log(self.model.predict_proba(rows)[np.arange(len(labels)), labels])


def rendered(display):
    """Draw for real: many mistakes only show when matplotlib lays the figure out."""
    display.figure_.canvas.draw()
    return np.asarray(display.figure_.canvas.buffer_rgba()).std() > 0


def test_importing_the_metrics_does_not_import_matplotlib():
    code = "import skqmu.metrics, sys; print('matplotlib' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_roc_is_on_log_axes_with_a_band_and_the_auc_with_its_interval():
    rng = np.random.default_rng(0)
    display = MembershipRocDisplay.from_predictions(
        rng.normal(1, 1, 100), rng.normal(0, 1, 200), name="loss"
    )
    assert (display.ax_.get_xscale(), display.ax_.get_yscale()) == ("log", "log")
    result = display.results["loss"]
    x, y = display.lines_[0].get_data()
    assert y == pytest.approx(np.maximum(result.roc_tpr, display.ax_.get_xlim()[0]))
    assert x.min() > 0
    low, high = result.auc_interval
    assert f"[{low:.2f}, {high:.2f}]" in display.lines_[0].get_label()
    assert display.bands_[0] is not None
    assert rendered(display)


def test_roc_from_an_attack_agrees_with_its_scores():
    attack, member = LossAttack(fit(slice(0, None, 2))), np.arange(150) % 2 == 0
    display = MembershipRocDisplay.from_estimator(attack, X, Y, member)
    scores = attack.decision_function(X, Y)
    expected = membership_result(scores[member], scores[~member], fprs=())
    assert display.results["LossAttack"].auc == expected.auc
    with pytest.raises(ValueError, match="membership must be boolean"):
        MembershipRocDisplay.from_estimator(attack, X, Y, np.arange(150))


def test_two_rocs_share_axes_and_one_chance_line():
    rng = np.random.default_rng(0)
    first = MembershipRocDisplay.from_predictions(rng.normal(1, 1, 50), rng.normal(0, 1, 50))
    second = MembershipRocDisplay.from_predictions(
        rng.normal(0, 1, 50), rng.normal(0, 1, 50), ax=first.ax_
    )
    labels = [line.get_label() for line in first.ax_.get_lines()]
    assert labels.count("no attack") == 1
    assert first.lines_[0].get_color() != second.lines_[0].get_color()
    assert second.ax_ is first.ax_


def test_roc_of_several_results_and_of_extreme_ones():
    results = {
        "perfect": membership_result(np.arange(5, 10), np.arange(5), fprs=()),
        "constant": membership_result(np.ones(5), np.ones(7), fprs=()),
        "infinite": membership_result([np.inf, 1.0], [-np.inf, 0.0], fprs=()),
    }
    display = MembershipRocDisplay(results).plot()
    assert len(display.lines_) == 3
    assert rendered(display)
    with pytest.raises(TypeError, match="not a MembershipResult"):
        MembershipRocDisplay({"a": 0.9})
    with pytest.raises(ValueError, match="empty"):
        MembershipRocDisplay({})


@pytest.mark.parametrize("signal", ["loss", "logit"])
def test_loss_distributions_show_the_groups_and_the_oracle(signal):
    model, oracle = fit(), fit(slice(50, None))
    groups = {
        "members": (X[50:100], Y[50:100]),
        "held-out": (X[100:], Y[100:]),
        "forgotten": (X[:50], Y[:50]),
    }
    display = LossDistributionDisplay.from_estimator(model, groups, oracle=oracle, signal=signal)
    assert list(display.values) == [*groups, "oracle on forgotten"]
    losses = -np.log(model.predict_proba(X[:50])[:, 0])
    if signal == "loss":
        assert display.values["forgotten"] == pytest.approx(losses)
        # the oracle never heard of class 0: its loss there is the clipped one
        assert display.medians_["oracle on forgotten"] == pytest.approx(-np.log(1e-9))
    labels = [t.get_text() for t in display.ax_.get_yticklabels()]
    assert labels[0] == "members\nn = 50"
    assert rendered(display)


def test_logits_of_near_certain_probabilities_keep_their_digits():
    class Sure:
        classes_ = np.array([0, 1])

        def predict_proba(self, rows):
            return np.array([[1.0, 1e-9]] * len(rows))

    display = LossDistributionDisplay.from_estimator(Sure(), {"members": (X[:3], Y[:3])})
    assert display.values["members"] == pytest.approx(np.log(1e9))


def test_loss_distributions_of_constant_and_single_values_are_drawn():
    display = LossDistributionDisplay.from_predictions({"members": [1.0], "held-out": [1.0, 1.0]})
    assert rendered(display)
    with pytest.raises(ValueError, match="is infinite"):
        LossDistributionDisplay({"a": [np.inf]})
    with pytest.raises(ValueError, match="at least one group"):
        LossDistributionDisplay({})
    with pytest.raises(ValueError, match="Did you mean 'loss'"):
        LossDistributionDisplay.from_estimator(fit(), {"a": (X, Y)}, signal="los")


def test_front_prefers_the_oracles_forgetting_to_total_forgetting():
    display = ForgettingUtilityDisplay.from_predictions(
        {"like the oracle": 0.8, "everything gone": 0.0, "untouched": 1.0},
        {
            "like the oracle": Estimate(0.9, 0.85, 0.93, 0.95),
            "everything gone": 0.85,
            "untouched": 0.92,
        },
        oracle_forget=[0.78, 0.82],
        oracle_utility=[0.9, 0.9],
    )
    assert display.front_ == ["like the oracle", "untouched"]
    assert rendered(display)


def test_front_from_models_measures_them():
    models = {"all": fit(), "without class 0": fit(slice(50, None))}
    display = ForgettingUtilityDisplay.from_estimator(
        models, forget=(X[:50], Y[:50]), test=(X[50:], Y[50:]), oracles=[fit(slice(55, None))]
    )
    assert display.forget["all"].value == 1
    assert display.forget["without class 0"].value == 0
    assert "without class 0" in display.front_
    assert rendered(display)
    with pytest.raises(ValueError, match="same models"):
        ForgettingUtilityDisplay({"a": 1.0}, {"b": 1.0})


def test_ranking_puts_the_most_exposed_first_and_counts_them():
    rng = np.random.default_rng(0)
    scores, reference = rng.normal(0, 1, 50), rng.normal(0, 1, 200)
    scores[7] = np.inf
    display = LeakRankingDisplay.from_predictions(
        scores, reference=reference, fpr=0.05, n_records=10
    )
    assert display.order_[0] == 7
    assert len(display.ax_.get_yticklabels()) == 10
    cut = np.sort(reference)[-11]
    assert display.exposed_ == np.sum(scores > cut)
    assert np.mean(reference > cut) == 0.05
    assert rendered(display)


def test_ranking_from_an_attack_and_without_a_reference():
    attack = LossAttack(fit())
    display = LeakRankingDisplay.from_estimator(attack, X, Y, names=[f"r{i}" for i in range(150)])
    best = int(np.argmax(attack.decision_function(X, Y)))
    assert display.ax_.get_yticklabels()[0].get_text() == f"r{best}"
    assert display.exposed_ is None
    with_reference = LeakRankingDisplay.from_estimator(
        attack, X[:50], Y[:50], X_nonmember=X[50:], y_nonmember=Y[50:]
    )
    assert with_reference.exposed_ is not None
    assert rendered(LeakRankingDisplay.from_predictions([1.0, 1.0]))
    assert rendered(LeakRankingDisplay.from_predictions([np.inf, -np.inf]))
    with pytest.raises(ValueError, match="names"):
        LeakRankingDisplay([1.0, 2.0], names=["a"])


def test_pareto_display_of_a_search():
    search = GridSearchCV(
        LogisticRegression(max_iter=500),
        {"C": [1e-3, 1e-1, 1.0]},
        scoring=["accuracy", "neg_log_loss"],
        refit="accuracy",
        cv=3,
    ).fit(X, Y)
    display = ParetoDisplay.from_estimator(search, "accuracy", "neg_log_loss")
    assert display.chosen == search.best_index_
    assert set(display.front_) <= {0, 1, 2}
    assert rendered(display)
    with pytest.raises(ValueError, match="Did you mean 'accuracy'"):
        ParetoDisplay.from_estimator(search, "acuracy", "neg_log_loss")


def test_pareto_display_leaves_candidates_without_scores_out():
    display = ParetoDisplay.from_predictions([0.9, np.nan, 0.5], [0.1, 0.2, 0.3])
    assert display.front_.tolist() == [2, 0]
    with pytest.raises(ValueError, match="same candidates"):
        ParetoDisplay([1.0], [1.0, 2.0])


# --- shots ----------------------------------------------------------------------------------


def shot_points(noises=(None,)):
    rng = np.random.default_rng(0)
    return [
        SimpleNamespace(
            shots=shots,
            n_queries=n_queries,
            noise=noise,
            result=membership_result(
                rng.normal(shift * n_queries, 1, 150), rng.normal(0, 1, 150), fprs=()
            ),
        )
        for noise in noises
        for shots, shift in ((16, -0.1), (256, 0.5), (None, 0.8))
        for n_queries in (1, 4)
    ]


def test_a_shot_curve_has_a_line_a_number_of_queries_and_names_the_shots_that_win():
    display = ShotCurveDisplay.from_predictions(SimpleNamespace(points=shot_points()))
    assert len(display.lines_) == 2
    assert display.wins_at_ == 256
    assert display.ax_.get_xscale() == "log"
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == [
        "16", "64", "256", "1024", "exact"
    ]  # fmt: skip
    assert "wins from 256 shots" in display.ax_.get_title(loc="left")
    assert rendered(display)
    every = ShotCurveDisplay(shot_points(noises=(0.0, 0.1)), auc=0.999).plot()
    assert len(every.lines_) == 4
    assert every.wins_at_ is None
    assert "1 query, noise 0.1" in [t.get_text() for t in every.ax_.get_legend().get_texts()]
    assert rendered(every)


def test_a_shot_curve_of_exact_answers_alone_and_from_a_curve():
    exact = [point for point in shot_points() if point.shots is None]
    display = ShotCurveDisplay(exact).plot()
    assert display.wins_at_ is None
    assert rendered(display)

    class Curve:
        def evaluate(self, X, y, membership, *, level):
            assert level == 0.9
            return SimpleNamespace(points=exact)

    figure = display.figure_.subplots()
    again = ShotCurveDisplay.from_estimator(Curve(), X, Y, Y > 0, ax=figure, level=0.9)
    assert again.ax_ is figure


@pytest.mark.parametrize(
    ("points", "error", "match"),
    [((), ValueError, "nothing to draw"), ([0.7], TypeError, "MembershipResult")],
)
def test_a_shot_curve_of_nothing_is_refused(points, error, match):
    with pytest.raises(error, match=match):
        ShotCurveDisplay(points)


# --- names are text -----------------------------------------------------------------------

NAMES = [r"$\frac{$", "$a^2$", r"\$5 and $6", "_hidden", "\x1b]0;x\x07", "a\x00b", "<b>&"]
RESULT = membership_result([2.0, 3.0, 4.0, 2.5], [1.0, 0.5, 0.0, 3.5], fprs=())
NAMED = {
    "roc": lambda: MembershipRocDisplay(dict.fromkeys(NAMES, RESULT)),
    "loss": lambda: LossDistributionDisplay({name: [0.1, 0.2 + k] for k, name in enumerate(NAMES)}),
    "front": lambda: ForgettingUtilityDisplay(
        *({name: float(k) for k, name in enumerate(NAMES)} for _ in range(2))
    ),
    "ranking": lambda: LeakRankingDisplay(np.arange(len(NAMES), dtype=float), names=NAMES),
    "shots": lambda: ShotCurveDisplay(
        [SimpleNamespace(shots=16, n_queries=1, noise=name, result=RESULT) for name in NAMES]
    ),
}


@pytest.mark.parametrize("display", NAMED)
def test_names_are_drawn_letter_by_letter_whatever_matplotlib_would_make_of_them(display):
    figure = NAMED[display]().plot().figure_
    stream = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(stream, format="svg")
    picture = ElementTree.fromstring(stream.getvalue())  # a control character would break it
    texts = " ".join(picture.itertext())
    for name in NAMES:
        written = name.replace("\x1b", r"\x1b").replace("\x07", r"\x07").replace("\x00", r"\x00")
        assert written in texts


# --- room for every label -------------------------------------------------------------------


def ticks_in_view(axis):
    low, high = sorted(axis.get_view_interval())
    return [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]


def overlapping(figure):
    """Return pairs of visible texts of a figure that lie on each other, and those that leave it."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    (axes,) = figure.axes
    texts = [*axes.texts, axes.xaxis.label, axes.yaxis.label, axes.title, axes._left_title]
    texts += [*ticks_in_view(axes.xaxis), *ticks_in_view(axes.yaxis)]
    if axes.get_legend() is not None:
        texts += axes.get_legend().get_texts()
    texts = [text for text in texts if text.get_visible() and text.get_text().strip()]
    # an annotation's own extent holds its line, too
    found = [Text.get_window_extent(text, renderer) for text in texts]
    pairs = [
        (texts[i].get_text(), texts[j].get_text())
        for i in range(len(found))
        for j in range(i)
        if found[i].shrunk(0.98, 0.9).overlaps(found[j].shrunk(0.98, 0.9))
    ]
    width, height = figure.canvas.get_width_height()
    outside = [
        text.get_text()
        for text, box in zip(texts, found, strict=True)
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1
    ]
    return pairs, outside


def crowd(n, spread):
    rng = np.random.default_rng(n)
    names = [f"mechanism number {k}" for k in range(n)]
    if spread:
        return names, rng.uniform(size=n), rng.uniform(size=n)
    return names, 0.5 + 1e-3 * np.arange(n), np.full(n, 0.9)


@pytest.mark.parametrize("n", [1, 5, 20])
@pytest.mark.parametrize("spread", [True, False], ids=["spread", "on one spot"])
def test_no_label_lies_on_another_however_many_models_there_are(n, spread):
    names, x, y = crowd(n, spread)
    front = ForgettingUtilityDisplay.from_predictions(
        dict(zip(names, x, strict=True)), dict(zip(names, y, strict=True)),
        oracle_forget=[0.1, 0.2], oracle_utility=[0.9, 0.95],
    )  # fmt: skip
    assert len(front.ax_.texts) == n
    assert overlapping(front.figure_) == ([], [])


@pytest.mark.parametrize("n", [1, 5, 20])
def test_curves_and_groups_have_room_for_their_names(n):
    rng = np.random.default_rng(0)
    names = [f"mechanism number {k}" for k in range(n)]
    roc = MembershipRocDisplay(
        {m: membership_result(rng.normal(1, 1, 40), rng.normal(0, 1, 40), fprs=()) for m in names}
    ).plot()
    assert overlapping(roc.figure_) == ([], [])
    looks = {(line.get_color(), str(line.get_linestyle())) for line in roc.lines_}
    dashes = {str(line._unscaled_dash_pattern) for line in roc.lines_}
    assert len(looks) * len(dashes) >= n
    loss = LossDistributionDisplay.from_predictions({m: rng.normal(size=30) for m in names})
    assert overlapping(loss.figure_) == ([], [])


def test_a_shot_curve_of_many_noises_puts_its_legend_beside_it():
    display = ShotCurveDisplay(shot_points(noises=tuple(np.linspace(0, 0.1, 10).round(2)))).plot()
    assert len(display.lines_) == 20
    assert overlapping(display.figure_) == ([], [])
