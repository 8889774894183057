"""The state of a classifier after a request: what is to change, computed and not put in place."""

from dataclasses import replace
from numbers import Integral

import numpy as np

from ..._owned import OwnedFile
from ...unlearning import importance_of
from ..state import fitted_state

__all__ = ["files_of", "fitted_attributes", "request_checkpoint", "state_after"]


def fitted_attributes(result):
    """Public attributes that say how a fit went.

    Parameters
    ----------
    result : FitResult
    """
    curve = [row["loss"] for row in result.history]
    return {
        "params_": result.params,
        "history_": result.history,
        "loss_curve_": curve,
        "loss_": result.loss,
        "n_iter_": len(result.history),
        "stop_reason_": result.stop_reason,
        "fit_cost_": result.cost,
    }


def state_after(model, forget, retain, request, outcome):
    """Changes of the state, and what is to be said about them.

    Parameters
    ----------
    model : classifier
        Before the request.
    forget, retain : MeantRows
    request : UnlearningRequest
    outcome : Outcome

    Returns
    -------
    changes : dict
        See `StateMixin._become`.
    notes : list of str
    """
    state, refit = fitted_state(model), outcome.refit
    members, notes = _members_after(state.members, forget, retain, outcome)
    changes = {
        "params_": outcome.params,
        "moments": None,
        # A strategy that moved a solved head in another way leaves it without its state.
        "head_state": outcome.head_state if refit is None else refit.head_state,
        "statistics": None if refit is None else refit.statistics,
        "members": members,
        "privacy": _privacy_after(state.privacy, request, refit),
        "updates": _updates_after(state, forget, retain, outcome),
        "importances": _importances_after(state, request, outcome),
        "leftovers": (*files_of(model), *_files_of_request(model)),
        "files": (),
    }
    notes += _about_buffers(request, refit) + _about_privacy(changes["privacy"], refit)
    if refit is None:
        return changes, notes
    if state.n_fits > 1:
        notes.append(
            f"the model came from {state.n_fits} calls of fit or partial_fit and was "
            "retrained by one fit on all the rows that stay."
        )
    return {**changes, **fitted_attributes(refit)}, notes


def _privacy_after(record, request, refit):
    """What private fits promise after the request: none deleted more, or a fit more."""
    if record is None:
        return None
    if refit is None:
        return record.without(len(request.forget))
    return record.followed_by(refit.privacy)


def _about_privacy(record, refit):
    if record is None or refit is None:
        return []
    spent = record.spent()
    return [
        f"retraining was another private fit: of the rows that stay, {spent['n_fits']} fits "
        f"together give away epsilon={spent['epsilon']:.4g} at delta={spent['delta']:g} to whoever "
        "holds all versions. 'private_by_training' spends nothing."
    ]


def _about_buffers(request, refit):
    """What is to be said about running statistics, which no gradient reaches."""
    layout, given, moving = request.network.layout, request.network.given, request.network.trainable
    names = [n for n, part in layout.buffers.items() if moving is None or moving[part].any()]
    if not names:
        return []
    if refit is not None:
        anew, kept = (", ".join(n for n in names if (n in given) == old) for old in (False, True))
        about = [f"buffers (running statistics) of {anew} were computed anew from retained rows."]
        also = [f"buffers of {kept} started where they were given and saw retained rows alone."]
        return about * bool(anew) + also * bool(kept)
    return [
        f"buffers (running statistics) of {', '.join(names)} were derived from all rows that fit "
        "saw; the forgotten rows moved them no more, and what they left there fades only as "
        "retained rows pass. Retrain resets them."
    ]


def _members_after(record, forget, retain, outcome):
    """The member record after the request, and what is to be said about it."""
    refit = outcome.refit
    if record.mode == "none":
        return record, []
    if refit is None or outcome.subtracted:
        return record.without(forget.entries, X=forget.X), []
    # A refit saw the retained rows and no others.
    gone = np.setdiff1d(np.arange(len(record)), retain.entries)
    members = replace(record.without(gone, X=forget.X), held_out=refit.held_out)
    n_dropped = len(gone) - len(forget)
    if not n_dropped:
        return members, []
    return members, [
        f"{n_dropped} rows were neither named nor in X_retain: the model was retrained without "
        "them and they are no members any more."
    ]


def _updates_after(state, forget, retain, outcome):
    refit = outcome.refit
    if refit is not None and refit.updates is not None:
        return [(retain.positions[rows], step) for rows, step in refit.updates]
    if outcome.log_holds and state.updates is not None:
        left = [(places, step) for places, step in state.updates if not forget.are_in(places)]
        # Every retained row had a part in a repair.
        repaired = outcome.repair is not None
        return [*left, (retain.trained_positions, outcome.repair)] if repaired else left
    return None


def _importances_after(state, request, outcome):
    """Measured anew where all rows that stay are at hand; else less the forgotten rows' part."""
    if outcome.refit is not None:
        return outcome.refit.importances
    after = {}
    for kind, everyone in state.importances.items():
        staying = 0.0 if request.retain is None else request.retain.weights.sum()
        if np.isclose(staying, everyone.weight - request.forget.weights.sum(), rtol=1e-9):
            after[kind] = importance_of(
                request.network, outcome.params, request.retain, kind, wanted=request.trainable
            )
        elif len(request.forget):
            part = importance_of(
                request.network, request.params, request.forget, kind, wanted=request.trainable
            )
            after[kind] = everyone.without(part)
        else:
            after[kind] = everyone
    return after


def request_checkpoint(model):
    """File from which a request that refits goes on when it was cut off; None: it does not."""
    resumes = model.checkpoint is not None and isinstance(model.random_state, Integral)
    return f"{model.checkpoint}.unlearn" if resumes and not model._solves_head() else None


def _files_of_request(model):
    path = request_checkpoint(model)
    file = None if path is None else OwnedFile.kept(path, "checkpoint")
    return () if file is None else (file,)


def files_of(estimator):
    """Files and folders of this estimator that hold what a row left in them: `OwnedFile` each."""
    state = fitted_state(estimator)
    journals = estimator._backend().artefacts(state.noise)
    files = [OwnedFile(path, "journal", state.noise.name) for path in journals]
    return tuple({file.path: file for file in (*files, *state.files)}.values())
