"""Study S (arXiv 2509.06086): its data, networks and three mechanisms."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from types import SimpleNamespace

import numpy as np
from sklearn.decomposition import PCA

from skqmu import HybridQNNClassifier
from skqmu.backends import StatevectorBackend
from skqmu.datasets import load_fashion_mnist, load_mnist
from skqmu.unlearning import GradientAscent, RelativeGradientAscent, SelectiveDampening

FORGET = 4
DATASETS = ("mnist", "fashion_mnist")
FILES = {"mnist": "mnist_70000.npz", "fashion_mnist": "fashion_mnist_8000.npz"}
MODELS = ("basic", "hqnn")
VARIANTS = ("quantum", "separable", "dense")
SHOTS = (64, 256, 1024, 8192, None)
# Averages over the study's models: attack success before and after unlearning, in the
# noiseless simulation and on cloud hardware.
PUBLISHED = {"noiseless": (0.902, 0.0), "hardware": (0.753, 0.037)}
# Rows of which a target trains on half, rows for tests, and rows for the PCA alone.
_WORLD, _TEST, _PCA = 2000, 500, 5000
_QUICK_WORLD = 800
# Rows of each other class that the attacker's shadows are asked about, too.
_COMPANY = 20


@dataclass(frozen=True)
class Setting:
    """One network on one data set.

    Parameters
    ----------
    dataset : {"mnist", "fashion_mnist"}
    model : {"basic", "hqnn"}
    n_layers : int or None
        None: 5 for the basic network, 1 for the hybrid one.
    variant : {"quantum", "separable", "dense"}
        ``"separable"``: no entangling gate; ``"dense"``: the classical twin.
    quick : bool
        A fifth of the epochs, 400 training rows instead of 1000, few shadows.
    """

    dataset: str = "mnist"
    model: str = "basic"
    n_layers: int | None = None
    variant: str = "quantum"
    quick: bool = False

    def __post_init__(self):
        if self.n_layers is None:
            object.__setattr__(self, "n_layers", 5 if self.model == "basic" else 1)

    @property
    def name(self):
        """Of files."""
        parts = [self.dataset, self.model, f"L{self.n_layers}", self.variant]
        return "-".join(parts + (["quick"] if self.quick else []))

    @property
    def label(self):
        """For sentences."""
        kind = {"basic": "Basic QNN", "hqnn": "HQNN"}[self.model]
        layers = f"{self.n_layers} layer{'s' if self.n_layers > 1 else ''}"
        return f"{kind}, {layers}" + (", quick" if self.quick else "")

    @property
    def is_base(self):
        """Whether shots, step sizes and noise are varied on this network."""
        return self == Setting(self.dataset, self.model, quick=self.quick)

    @property
    def n_shadows(self):
        """Shadow models, shared by all seeds."""
        return 4 if self.quick else {"basic": 16, "hqnn": 12}[self.model]

    @property
    def n_oracles(self):
        """Models retrained without the class, for each seed."""
        return 2 if self.quick else {"basic": 5, "hqnn": 2}[self.model]

    def told(self):
        """As a dict, for JSON."""
        return asdict(self)


def settings_of(dataset, model, variants, quick):
    """The study's networks of one kind (two depths), and their twins."""
    depths = {"basic": (5, 10), "hqnn": (1, 5)}[model]
    found = [Setting(dataset, model, depth, "quantum", quick) for depth in depths]
    found += [Setting(dataset, model, None, variant, quick) for variant in VARIANTS[1:]]
    return [setting for setting in found if setting.variant in variants]


def data_of(setting, folder):
    """The rows of a setting, read once a process."""
    return _made(setting.dataset, setting.model, setting.quick, folder)


@lru_cache(maxsize=2)
def _made(dataset, model, quick, folder):
    """The world: rows of which each target trains on a half, and rows for tests.

    Every row of the world is a member for some seeds and none for others, so that no
    difference between records passes for membership. The PCA of the basic network is fitted
    on other images: it has seen no member.
    """
    source = {"mnist": load_mnist, "fashion_mnist": load_fashion_mnist}[dataset]
    images = source(None if folder is None else folder / FILES[dataset])
    order = np.random.default_rng(0).permutation(len(images.y))
    world, test, rest = np.split(order[: _WORLD + _TEST + _PCA], [_WORLD, _WORLD + _TEST])
    world = world[:_QUICK_WORLD] if quick else world
    if model == "basic":
        pca = PCA(256, svd_solver="randomized", random_state=0).fit(images.X[rest])
        X, X_test = pca.transform(images.X[world]), pca.transform(images.X[test])
    else:
        X, X_test = images.X[world] * 2 - 1, images.X[test] * 2 - 1
    y = images.y[world]
    fours = np.flatnonzero(y == FORGET)
    others = np.flatnonzero(y != FORGET)
    company = np.concatenate([others[y[others] == c][:_COMPANY] for c in np.unique(y[others])])
    return SimpleNamespace(
        X=X,
        y=y,
        X_test=X_test,
        y_test=images.y[test],
        pool=np.sort(np.concatenate([fours, company])),
        raw=images.X[world],
    )


def training_rows(data, seed):
    """A random half of each part of the world, in random order."""
    rng = np.random.default_rng(10_000 + seed)
    halves = []
    for mine in (data.y == FORGET, data.y != FORGET):
        rows = rng.permutation(np.flatnonzero(mine))
        halves.append(rows[: len(rows) // 2])
    return rng.permutation(np.concatenate(halves))


def make_estimator(setting, seed):
    """The study's network, always on a backend object, whose shots can be set later."""
    own = {
        "basic": {
            "front_end": "none",
            "learning_rate_init": 0.05,
            "batch_size": 32,
        },
        "hqnn": {
            "front_end": "cnn-s",
            "learning_rate_init": 0.1,
            "nesterovs_momentum": False,
            "batch_size": 8,
        },
    }[setting.model]
    epochs = 25
    return HybridQNNClassifier(
        **own,
        encoding="amplitude",
        observables="z",
        ansatz="strong",
        n_qubits=8,
        n_layers=setting.n_layers,
        entanglement="none" if setting.variant == "separable" else "ring",
        core="dense" if setting.variant == "dense" else "quantum",
        head_layers=(),
        backend=StatevectorBackend(),
        solver="sgd",
        max_iter=epochs // 5 if setting.quick else epochs,
        n_iter_no_change=epochs,
        random_state=seed,
    )


def mechanisms(setting):
    """The study's three, with stop rules where they ascend, and GA with its steps.

    The study's GA: ten steps of 16 rows (basic) or six epochs of batches of 16 at a tenth of
    the learning rate (HQNN), no stop rule; two epochs are 12 to 14 such steps. What it set
    for the other two is not known.
    """
    steps = {
        "basic": {"max_iter": 2},
        "hqnn": {"max_iter": 6, "learning_rate_init": 0.01},
    }[setting.model]
    return _unguarded(
        {
            "GA, as published": GradientAscent(batch_size=16, stop=None, **steps),
            "GA": GradientAscent(max_iter=10),
            "Fisher-based (SSD)": SelectiveDampening(),
            "RGA": RelativeGradientAscent(max_iter=5),
        }
    )


def varied_mechanisms(setting):
    """The same with other step sizes (for SSD, other shares of the parameters)."""
    rate = make_estimator(setting, 0).learning_rate_init
    found = {}
    for factor in (0.3, 3.0):
        step = {"learning_rate_init": factor * rate}
        found[f"GA, step x {factor:g}"] = GradientAscent(max_iter=10, **step)
        found[f"RGA, step x {factor:g}"] = RelativeGradientAscent(max_iter=5, **step)
    for quantile in (0.8, 0.97):
        name = f"Fisher-based (SSD), top {1 - quantile:.0%}"
        found[name] = SelectiveDampening(quantile=quantile)
    return _unguarded(found)


def _unguarded(strategies):
    """As published: nothing takes back or repairs what a mechanism costs."""
    return {name: strategy.set_params(guard=None) for name, strategy in strategies.items()}
