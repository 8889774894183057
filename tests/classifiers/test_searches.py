"""Circuits, observables, modules and backends as values of scikit-learn's searches."""

import numpy as np
import pytest
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import efficient_su2, real_amplitudes, zz_feature_map
from qiskit.quantum_info import SparsePauliOp
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skqmu import HybridQNNClassifier, QNNClassifier, UnlearningClassifier
from skqmu.circuits import choices
from skqmu.exceptions import CircuitError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 2))
Y = np.arange(24) % 2


def whole(ansatz):
    """Data and weights in one circuit."""
    return zz_feature_map(2).compose(ansatz)


ANSAETZE = choices(ladder=real_amplitudes(2), su2=efficient_su2(2), deep=real_amplitudes(2, reps=4))
ENCODINGS = choices("angle", once=zz_feature_map(2, reps=1), twice=zz_feature_map(2))
CIRCUITS = choices(
    ladder=whole(real_amplitudes(2)),
    su2=whole(efficient_su2(2)),
    deep=whole(real_amplitudes(2, reps=4)),
)
ONE, TWO = [SparsePauliOp("ZZ")], [SparsePauliOp("XX"), SparsePauliOp("ZI")]


def model(**params):
    return QNNClassifier(n_qubits=2, n_layers=1, max_iter=2, random_state=0, **params)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ansatz", ANSAETZE),
        ("encoding", ENCODINGS),
        ("circuit", CIRCUITS),
        ("observables", choices("z", one=ONE, two=TWO)),
        ("observables", ["z", ONE, TWO]),
    ],
)
def test_three_alternatives_are_searched_over(name, values):
    search = GridSearchCV(model(), {name: values}, cv=2, error_score="raise").fit(X, Y)
    shown = search.cv_results_[f"param_{name}"]
    assert [str(each) for each in shown] == [str(each) for each in values]
    scores = search.cv_results_["mean_test_score"]
    for value, score in zip(values, scores, strict=True):
        alone = GridSearchCV(model(**{name: value}), {}, cv=2).fit(X, Y)
        assert alone.cv_results_["mean_test_score"][0] == score
    assert search.predict(X).shape == (24,)
    best = getattr(search.best_estimator_, name)
    assert str(best) == str(search.best_params_[name])


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_every_search_takes_them(n_jobs):
    grid = {"ansatz": ANSAETZE, "observables": choices("z", zz="zz")}
    common = {"cv": 2, "error_score": "raise", "n_jobs": n_jobs}
    searches = [
        GridSearchCV(model(), grid, **common),
        RandomizedSearchCV(model(), grid, n_iter=3, random_state=0, **common),
        HalvingGridSearchCV(model(), grid, min_resources=8, random_state=0, **common),
    ]
    for search in searches:
        search.fit(X, Y)
        assert {str(v) for v in search.cv_results_["param_ansatz"]} <= {"ladder", "su2", "deep"}
        assert hasattr(search.best_estimator_, "unlearning_log_")


def test_they_are_found_inside_pipelines_and_meta_estimators():
    pipe = make_pipeline(StandardScaler(), model())
    search = GridSearchCV(pipe, {"qnnclassifier__ansatz": ANSAETZE}, cv=2, error_score="raise")
    assert search.fit(X, Y).best_estimator_.predict(X).shape == (24,)
    forgetting = UnlearningClassifier(model())
    grid = {"estimator__circuit": CIRCUITS, "estimator__inputs": ["x"]}
    mask = np.arange(24) % 6 < 2
    search = GridSearchCV(forgetting, grid, cv=2, error_score="raise").fit(X, Y, forget=mask)
    assert str(search.best_params_["estimator__circuit"]) in ("ladder", "su2", "deep")


@pytest.mark.parametrize("search", [GridSearchCV, HalvingGridSearchCV])
@pytest.mark.parametrize("nested", [False, True])
def test_plain_circuits_are_told_before_the_first_fit(search, nested, monkeypatch):
    monkeypatch.setattr(QNNClassifier, "fit", lambda *_: pytest.fail("a fit was begun"))
    name, estimator = "ansatz", model()
    if nested:
        name, estimator = "qnnclassifier__ansatz", make_pipeline(StandardScaler(), model())
    grid = {name: [real_amplitudes(2), efficient_su2(2)]}
    with pytest.raises(CircuitError, match=r"choices\(one, other\)"):
        search(estimator, grid, cv=2).fit(X, Y)


def test_plain_circuits_are_set_and_evaluated_outside_of_searches():
    clf = model().set_params(ansatz=real_amplitudes(2))
    search = GridSearchCV(clf, {"max_iter": [1, 2]}, cv=2, error_score="raise").fit(X, Y)
    assert search.best_estimator_.circuit_weights_.shape == (8,)
    nested = GridSearchCV(
        GridSearchCV(clf, {"ansatz": ANSAETZE}, cv=2), {"estimator__max_iter": [1, 2]}, cv=2
    )
    assert nested.fit(X, Y).best_params_["estimator__max_iter"] in (1, 2)


def test_vectors_of_parameters_are_values():
    x, features = ParameterVector("x", 2), ParameterVector("t", 2)
    circuit = whole(real_amplitudes(2)).assign_parameters(
        {p: q for p, q in zip(zz_feature_map(2).parameters, x, strict=True) if p == q}
    )
    grid = {"inputs": [None, "x", ["x[0]", "x[1]"]]}
    search = GridSearchCV(model(circuit=circuit), grid, cv=2, error_score="raise").fit(X, Y)
    assert len(set(search.cv_results_["mean_test_score"])) == 1
    assert features not in circuit.parameters


def test_modules_are_values():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    nn = torch.nn
    fronts = [
        nn.Linear(2, 2),
        nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2)),
        nn.Sequential(nn.Linear(2, 2), nn.ReLU()),
    ]
    clf = HybridQNNClassifier(n_qubits=2, max_iter=1, random_state=0)
    grid = {"front_end": fronts}
    search = GridSearchCV(clf, grid, cv=2, error_score="raise").fit(X, Y)
    shown = search.cv_results_["param_front_end"]
    assert [type(each) for each in shown] == [type(each) for each in fronts]
    assert search.best_estimator_.predict(X).shape == (24,)
