"""The ten data sets of `first_hour.py`, and the steps before the classifier."""

from dataclasses import dataclass

from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_circles,
    make_classification,
    make_moons,
)
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

__all__ = ["CHOSEN", "REPORTED", "SETS", "DataSet"]

# Halves: defaults were chosen on one and are reported on the other.
CHOSEN, REPORTED = "chosen on", "reported"


def _packaged(load):
    def rows():
        data = load()
        return data["data"], data["target"]

    return rows


def _fashion():
    from skqmu.datasets import load_fashion_sample

    data = load_fashion_sample()
    return data.X, data.y


@dataclass(frozen=True)
class DataSet:
    """Rows, and how they are prepared.

    Attributes
    ----------
    rows : str
        How they are made, in words.
    make : callable
        Returns X and y.
    half : {"chosen on", "reported"}
    scale : bool
        Whether `StandardScaler` comes first.
    n_components : int or None
        Of the `PCA` that follows.
    """

    rows: str
    make: object
    half: str
    scale: bool = True
    n_components: int | None = None

    def load(self, most=None, seed=0):
        """X and y; of more rows than `most` a stratified subsample."""
        X, y = self.make()
        if most is not None and len(X) > most:
            X, _, y, _ = train_test_split(X, y, train_size=most, stratify=y, random_state=seed)
        return X, y

    def steps(self, seed):
        """What stands before the classifier; None: nothing."""
        steps = [StandardScaler()] if self.scale else []
        if self.n_components is not None:
            # seeded: of many features PCA finds a few by random projection
            steps.append(PCA(self.n_components, random_state=seed))
        return make_pipeline(*steps) if steps else None

    def told(self):
        """Facts for the result."""
        X, y = self.make()
        steps = ["StandardScaler()"] if self.scale else []
        steps += [f"PCA({self.n_components})"] if self.n_components is not None else []
        return {
            "rows": self.rows,
            "steps": steps,
            "half": self.half,
            "n_rows": len(X),
            "n_features": X.shape[1],
            "n_features_of_classifier": self.n_components or X.shape[1],
            "n_classes": len(set(y)),
        }


_WINE, _DIGITS = _packaged(load_wine), _packaged(load_digits)
_CANCER, _IRIS = _packaged(load_breast_cancer), _packaged(load_iris)

SETS = {
    "wine": DataSet("load_wine()", _WINE, CHOSEN),
    "wine_pca6": DataSet("load_wine()", _WINE, CHOSEN, n_components=6),
    "digits_pca8": DataSet("load_digits()", _DIGITS, CHOSEN, n_components=8),
    "classification": DataSet(
        "make_classification(600, 20, n_informative=8, random_state=0)",
        lambda: make_classification(600, 20, n_informative=8, random_state=0),
        CHOSEN,
        scale=False,
    ),
    "circles": DataSet(
        "make_circles(400, noise=0.1, factor=0.5, random_state=0)",
        lambda: make_circles(400, noise=0.1, factor=0.5, random_state=0),
        CHOSEN,
    ),
    "iris": DataSet("load_iris()", _IRIS, REPORTED),
    "breast_cancer": DataSet("load_breast_cancer()", _CANCER, REPORTED),
    "breast_cancer_pca8": DataSet("load_breast_cancer()", _CANCER, REPORTED, n_components=8),
    "moons": DataSet(
        "make_moons(400, noise=0.2, random_state=0)",
        lambda: make_moons(400, noise=0.2, random_state=0),
        REPORTED,
    ),
    "fashion_pca8": DataSet(
        "skqmu.datasets.load_fashion_sample()", _fashion, REPORTED, n_components=8
    ),
}
