"""Bars that nest, and what estimators and logs print. It looks inside."""

import io
import json
import pickle

import pytest
from rich.console import Console
from sklearn.datasets import load_iris

from skqmu import QNNClassifier, UnlearningClassifier, _bars
from skqmu._bars import Bar, stage_bars
from skqmu.unlearning import SCRUB, FineTune

X, Y = load_iris(return_X_y=True)


@pytest.fixture
def screen(monkeypatch):
    """A terminal's screen, as text."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, color_system=None)
    monkeypatch.setattr(_bars, "_console", lambda: console)
    return stream


def open_titles():
    return [task.description for task in _bars._display[0].tasks] if _bars._display else []


def test_bars_within_bars_stand_below_set_in_and_go_when_they_are_finished(screen):
    with Bar("outer", 2) as outer:
        with Bar("inner", 3) as inner:
            with Bar("innermost [red]", 1):
                assert open_titles() == ["outer", "  inner", "    innermost [red]"]
            inner.update(2)
            assert open_titles() == ["outer", "  inner"]
        outer.update(1, "a status")
        assert open_titles() == ["outer"]
    assert open_titles() == []
    assert "1/2" in screen.getvalue()
    with Bar("another", 1):  # a live display is exclusive
        assert open_titles() == ["another"]


def test_an_error_within_puts_all_of_them_away(screen):
    with pytest.raises(KeyboardInterrupt), Bar("outer", 2), Bar("inner", 3):
        raise KeyboardInterrupt
    assert not _bars._display
    assert not _bars._shown


def test_stages_are_shown_while_they_last_and_counted_in_the_whole(screen):
    with stage_bars("audit") as listener:
        listener("class:0: attacks", 0, 2)
        listener("class:0: attacks", 1, 2)
        assert open_titles() == ["audit", "  class:0: attacks"]
        listener("class:0: attacks", 2, 2)
        listener("4 shadow models", 1, 1)
        assert open_titles() == ["audit"]
        (whole,) = _bars._display[0].tasks
        assert (whole.completed, whole.total) == (2, 2)
    assert not _bars._display


def test_an_audit_on_a_terminal_draws_bars_and_elsewhere_lines(screen, monkeypatch, capsys):
    from sklearn.naive_bayes import GaussianNB

    from skqmu.audit import audit

    options = {"forget": "fraction:0.2", "attacks": "loss", "random_state": 0, "verbose": 1}
    audit(GaussianNB(), X, Y, **options)
    assert "fraction:0.2: attacks" in screen.getvalue()
    assert capsys.readouterr().err == ""
    monkeypatch.undo()
    audit(GaussianNB(), X, Y, **options)
    assert "audit: training the original: 1/1" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")
def test_an_entry_of_the_log_prints_small_and_is_a_dict_all_the_same():
    clf = QNNClassifier(n_layers=1, max_iter=1, random_state=0).fit(X[:60], Y[:60])
    clf.unlearn(X[:2], strategy=FineTune(max_iter=1))
    (entry,) = clf.unlearning_log_
    assert isinstance(entry, dict)
    shown = repr(clf.unlearning_log_)
    assert len(shown) < 400
    assert len(shown) < len(json.dumps(entry)) / 2
    assert "FineTune" in shown
    assert "n_forget=2" in shown
    assert json.loads(json.dumps(entry)) == entry
    again = pickle.loads(pickle.dumps(clf)).unlearning_log_[0]
    assert again == entry
    assert repr(again) == repr(entry)


@pytest.mark.parametrize("strategy", [SCRUB(lam_f=0.5), "retrain"])
def test_a_notebook_shows_the_strategy_beside_the_estimator(strategy):
    shown = UnlearningClassifier(QNNClassifier(), strategy=strategy)._repr_html_()
    name = strategy if isinstance(strategy, str) else "SCRUB"
    assert f"strategy: {name}" in shown
    assert "estimator: QNNClassifier" in shown
