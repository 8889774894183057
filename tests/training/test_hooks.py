"""Hooks of the loop: when training ends, what is kept, what a checkpoint brings back."""

import pickle

import numpy as np
import pytest

from skqmu.exceptions import TrainingDivergedError
from skqmu.training import (
    SGD,
    Checkpoint,
    EarlyStopping,
    EpochPrinter,
    Hook,
    Point,
    Progress,
    Tolerance,
    UpdateLog,
    train,
)


class Losses(Hook):
    """Puts given losses into the history, as if the epochs had had them."""

    def __init__(self, values):
        self.values = values

    def after_epoch(self, run):
        run.history[-1]["loss"] = self.values[run.epoch - 1]
        return False


class InterruptAt(Hook):
    def __init__(self, n_steps):
        self.left = n_steps

    def after_step(self, run):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return False


# --- when training ends ------------------------------------------------------------------


def test_training_ends_when_the_loss_has_not_improved_by_tol_for_so_many_epochs(make_run):
    losses = [1.0, 0.8, 0.79, 0.795, 0.77, 0.76, 0.755, 0.5]
    run = make_run(max_iter=8)
    train(run, [Losses(losses), Tolerance(tol=0.05, n_iter_no_change=3)])
    # 0.79, 0.795, 0.77: none is 0.05 below the best before it
    assert run.epoch == 5
    assert run.stop_reason == "loss did not improve by tol=0.05 for 3 epochs"
    run = make_run(max_iter=8)
    train(run, [Losses(losses), Tolerance(tol=0.0, n_iter_no_change=2)])
    assert run.stop_reason == "max_iter"


def test_early_stopping_keeps_the_best_epoch_by_validation_loss(make_run, records):
    seen = []

    class Keep(Hook):
        def after_epoch(self, run):
            seen.append((run.history[-1]["valid_loss"], run.params))
            return False

    valid = records[:7].replace(targets=np.roll(records.targets[:7], 1, axis=1))
    run = make_run(max_iter=40, solver=SGD(1.0))
    train(run, [EarlyStopping(valid, tol=1e-4, n_iter_no_change=3), Keep()])
    losses = [loss for loss, _ in seen]
    best = int(np.argmin(losses))
    np.testing.assert_array_equal(run.params, seen[best][1])
    assert run.kept_epoch == best + 1
    assert run.epoch == len(seen) < 40
    assert "validation loss" in run.stop_reason
    assert {"valid_loss", "valid_score"} <= run.history[0].keys()


def test_the_validation_score_is_the_weighted_accuracy(make_run, records):
    run = make_run(max_iter=1)
    train(run, [EarlyStopping(records, tol=0, n_iter_no_change=5)])
    hits = run.network.logits(run.params, records.X).argmax(axis=1) == records.labels
    expected = np.average(hits, weights=records.weights)
    assert run.history[0]["valid_score"] == pytest.approx(expected)


def test_an_interrupted_run_keeps_its_last_step_not_its_best(make_run, records):
    run = make_run()
    with pytest.raises(KeyboardInterrupt):
        train(run, [EarlyStopping(records, tol=0, n_iter_no_change=5), InterruptAt(12)])
    other = make_run()
    with pytest.raises(KeyboardInterrupt):
        train(other, [InterruptAt(12)])
    np.testing.assert_array_equal(run.params, other.params)


def test_a_validation_loss_that_is_not_finite_is_divergence(make_run, records):
    valid = type(records)(np.sign(records.X) * 1.7e308, records.targets, records.weights)
    with pytest.raises(TrainingDivergedError, match="validation loss"):
        train(make_run(), [EarlyStopping(valid, tol=0, n_iter_no_change=5)])


# --- the log of updates ------------------------------------------------------------------


def test_the_updates_add_up_to_the_parameters(make_run, records):
    for hooks in ([], [EarlyStopping(records[:5], tol=1e-3, n_iter_no_change=1)]):
        log, run = UpdateLog(), make_run(solver=SGD(1.0))
        start = run.params
        train(run, [*hooks, log])
        assert log.updates
        total = start + sum(step for _, _, step in log.updates)
        np.testing.assert_allclose(total, run.params, atol=1e-12)
        assert all(set(rows) <= set(range(23)) for _, rows, _ in log.updates)


# --- checkpoints -------------------------------------------------------------------------


def hooks_with(path, records, *more, signature="this run"):
    saved = [EarlyStopping(records[:6], tol=1e-3, n_iter_no_change=2), UpdateLog()]
    return saved, [*saved, *more, Checkpoint(path, signature, saved)]


@pytest.mark.parametrize("n_steps", [1, 4, 5, 6, 13, 20])
def test_a_resumed_run_equals_the_undisturbed_one_bit_by_bit(make_run, records, tmp_path, n_steps):
    path = tmp_path / "folder" / "run.pickle"
    (stopping, log), hooks = hooks_with(tmp_path / "other", records)
    undisturbed = train(make_run(solver=SGD(0.7)), hooks)
    _, hooks = hooks_with(path, records, InterruptAt(n_steps))
    with pytest.raises(KeyboardInterrupt):
        train(make_run(solver=SGD(0.7)), hooks)
    (stopping_2, log_2), hooks = hooks_with(path, records)
    run = train(make_run(solver=SGD(0.7)), hooks)
    np.testing.assert_array_equal(run.params, undisturbed.params)
    assert run.stop_reason == undisturbed.stop_reason
    assert run.cost == undisturbed.cost
    for one, other in zip(run.history, undisturbed.history, strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    assert (stopping_2.best, stopping_2.waited) == (stopping.best, stopping.waited)
    assert len(log_2.updates) == len(log.updates)
    for (_, rows, step), (_, rows_2, step_2) in zip(log.updates, log_2.updates, strict=True):
        np.testing.assert_array_equal(rows, rows_2)
        np.testing.assert_array_equal(step, step_2)


@pytest.mark.parametrize("method", ["after_epoch", "before_epoch"])
def test_an_interrupt_between_epochs_loses_no_more_than_the_epoch(
    make_run, records, tmp_path, method
):
    class Interrupt(Hook):
        def _maybe(self, run):
            if run.epoch == 2:
                raise KeyboardInterrupt
            return False

    setattr(Interrupt, method, Interrupt._maybe)
    path = tmp_path / "run"
    _, hooks = hooks_with(path, records, Interrupt())
    with pytest.raises(KeyboardInterrupt):
        train(make_run(), hooks)
    _, hooks = hooks_with(path, records)
    run = train(make_run(), hooks)
    _, hooks = hooks_with(tmp_path / "other", records)
    np.testing.assert_array_equal(run.params, train(make_run(), hooks).params)


def test_a_finished_run_is_not_run_again(make_run, records, tmp_path):
    _, hooks = hooks_with(tmp_path / "run", records)
    first = train(make_run(), hooks)
    _, hooks = hooks_with(tmp_path / "run", records)
    again = make_run()
    train(again, hooks)
    np.testing.assert_array_equal(again.params, first.params)
    assert again.network.meter.gradient_rows == 0
    assert again.cost == first.cost
    assert again.finished


def test_a_foreign_file_is_refused_and_left_as_it_is(make_run, records, tmp_path):
    path = tmp_path / "run"
    _, hooks = hooks_with(path, records, signature="another run")
    train(make_run(), hooks)
    pickled = pickle.dumps(["no checkpoint"])
    for content in (path.read_bytes(), b"hello", b"", pickled, path.read_bytes()[:50]):
        path.write_bytes(content)
        _, hooks = hooks_with(path, records)
        run = make_run()
        start = run.params
        with pytest.raises(ValueError, match=r"belongs to another fit|no checkpoint of skqmu"):
            train(run, hooks)
        assert path.read_bytes() == content
        assert run.params is start


def test_a_failed_write_leaves_the_old_file_whole(make_run, records, tmp_path, monkeypatch):
    path = tmp_path / "run"
    _, hooks = hooks_with(path, records, InterruptAt(7))
    with pytest.raises(KeyboardInterrupt):
        train(make_run(), hooks)
    before = path.read_bytes()

    def disk_full(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr("skqmu._packed.zipfile.ZipFile.writestr", disk_full)
    _, hooks = hooks_with(path, records)
    with pytest.raises(OSError, match="no space left"):
        train(make_run(), hooks)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_checkpoint_holds_no_rows(make_run, records, tmp_path):
    path = tmp_path / "run"
    _, hooks = hooks_with(path, records)
    train(make_run(), hooks)
    content = path.read_bytes()
    assert not any(value.tobytes() in content for value in records.X.ravel())


# --- what is shown -----------------------------------------------------------------------


def test_one_line_an_epoch(make_run, records, capsys):
    run = make_run(max_iter=3)
    train(run, [EarlyStopping(records, tol=0, n_iter_no_change=9), EpochPrinter("title")])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("[title] epoch 2: loss ")
    assert f"valid_loss {run.history[1]['valid_loss']:.5f}" in lines[1]


def test_the_progress_bar_is_drawn_and_put_away_after_an_interrupt(make_run, capsys):
    train(make_run(max_iter=3), [Progress("title")])
    captured = capsys.readouterr()
    assert "title" in captured.err
    assert "3/3" in captured.err
    assert not captured.out
    with pytest.raises(KeyboardInterrupt):
        train(make_run(), [Progress("title"), InterruptAt(7)])
    assert "1/6" in capsys.readouterr().err
    train(make_run(point=Point(np.zeros(9))), [Progress("again")])  # a live display is exclusive
    assert "6/6" in capsys.readouterr().err
