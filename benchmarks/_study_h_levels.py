"""The package's own verdict on Study H's models: every measure at once, over all seeds."""

import numpy as np
from _study_files import keep_result, kept
from _study_h_work import kept_outputs, mechanisms, world
from _study_measures import masked

from skqmu.metrics import RecordedAnswers, retraining_verdict

__all__ = ["levels_path", "write_levels"]


def levels_path(folder, name):
    """Where the verdicts on a setting lie."""
    return folder / f"{name}.levels"


def write_levels(folder, setting, data_folder, originals, oracles):
    """Judge the mechanisms of the sound protocol by `skqmu.metrics.retraining_verdict`.

    Parameters
    ----------
    folder : Path
    setting : Setting
    data_folder : Path or None
    originals : list of Path
        One a seed; the answers of the unlearned models lie beside them.
    oracles : tuple
        As `world` takes them.
    """
    seeds = [world(setting, data_folder, original, oracles) for original in originals]
    found = {"n_seeds": len(seeds)}
    for scenario, paths in oracles:
        judge = seeds[0][2][scenario]
        retrained = [_answers(kept(path)["outputs"]) for path in paths]
        runs = {"original": [before[scenario] for _, _, _, before in seeds]}
        if judge.removed is not None:
            runs["logit mask"] = [masked(before, judge.removed) for before in runs["original"]]
        for method in mechanisms(setting, scenario, "sound"):
            outputs = [kept(kept_outputs(original, scenario, method)) for original in originals]
            if all(found is not None for found in outputs):
                runs[method] = outputs
        parts = _parts(judge)
        found[scenario] = {}
        for method, outputs in runs.items():
            judged = retraining_verdict([_answers(o) for o in outputs], retrained, **parts)
            found[scenario][method] = {"level": judged.level, "sentence": judged.sentence}
    keep_result(levels_path(folder, setting.name), found)


def _answers(outputs):
    return RecordedAnswers(np.concatenate([outputs.retain, outputs.forget, outputs.test]))


def _parts(judge):
    """Rows by number, in the order of `_answers`, with their classes."""
    labels = judge.labels
    first_forgotten = len(labels.retain)
    first_test = first_forgotten + len(labels.forget)
    unseen = (first_test + judge.same_test, labels.test[judge.same_test])
    parts = {
        "retain": (np.arange(first_forgotten), labels.retain),
        "forget": (np.arange(first_forgotten, first_test), labels.forget),
        "test": (first_test + judge.kept_test, labels.test[judge.kept_test]),
        "nonmembers": unseen,
    }
    if judge.removed is not None:
        parts |= {"test_removed": unseen, "removed": [judge.removed]}
    return parts
