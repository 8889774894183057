"""A user's own files: a table of rows with a target column, and a fitted model or its name."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from skqmu._cli._output import UsageError
from skqmu._what_to_forget import positions_of

__all__ = ["OwnTable", "model_of", "own_table"]

_PARQUET = (".parquet", ".pq")
_ROW_NUMBERS = "Unnamed: 0"
# what a number is written as in one way alone
_PLAIN_NUMBER = r"-?(0|[1-9]\d{0,14})(\.0*)?"
# categories of a column that are told apart, the most frequent ones; the others are one
_MOST_CATEGORIES = 20
# wider tables are reduced to so many principal components before a circuit, one to a qubit
_MOST_FEATURES = 8


@dataclass(frozen=True)
class OwnTable:
    """What is in the files.

    Attributes
    ----------
    name : str
        Of the data, for the report: its file's, without the folder.
    frame : pandas.DataFrame
        All columns of the file.
    X, y : pandas.DataFrame, ndarray
        What is learned from, and labels.
    ids : ndarray or None
    X_test, y_test : pandas.DataFrame, ndarray, or None
    """

    name: str
    frame: Any
    X: Any
    y: Any
    ids: Any = None
    X_test: Any = None
    y_test: Any = None

    def mask_of(self, text, option):
        """Return the mask over the rows that a text means.

        Parameters
        ----------
        text : str
            As ``--forget`` takes it.
        option : str
            For messages.
        """
        kind, _, value = text.partition(":")
        if kind == "ids" and self.ids is None:
            raise UsageError(f"{option} {text} needs --id COLUMN, the column of ids.")
        if kind == "ids" and Path(value).is_file():
            text = f"ids:@{value}"
        mask = np.zeros(len(self.y), dtype=bool)
        try:
            mask[positions_of(text, self.y, X=self.frame, ids=self.ids, name=option)] = True
        except (OSError, ValueError) as error:
            raise UsageError(error) from error
        return mask

    def with_columns_of(self, model):
        """Return the table with the columns that a fitted model knows, in its order.

        Parameters
        ----------
        model : fitted classifier
        """
        names = getattr(model, "feature_names_in_", None)
        if names is None:
            width = getattr(model, "n_features_in_", self.X.shape[1])
            if width != self.X.shape[1]:
                raise UsageError(
                    f"--data has {self.X.shape[1]} columns beside --target and --id, the model "
                    f"was fitted on {width} and names none; leave the others out of the file."
                )
            # fitted without names, and asked without them
            tests = None if self.X_test is None else self.X_test.to_numpy()
            return replace(self, X=self.X.to_numpy(), X_test=tests)
        missing = [name for name in names if name not in self.X.columns]
        if missing:
            raise UsageError(
                f"--data lacks {len(missing)} of the {len(names)} columns that the model was "
                f"fitted on: {', '.join(map(str, missing[:5]))}."
            )
        tests = None if self.X_test is None else self.X_test[list(names)]
        return replace(self, X=self.X[list(names)], X_test=tests)


def own_table(arguments):
    """Read the files that the options name.

    Parameters
    ----------
    arguments : argparse.Namespace
        With data, test, target and id.
    """
    if arguments.target is None:
        raise UsageError("--data needs --target COLUMN, the column of labels.")
    if arguments.id == arguments.target:
        raise UsageError(f"--id and --target are both {arguments.id!r}.")
    frame = _read("--data", arguments.data)
    X, y = _divided("--data", frame, arguments)
    ids = None
    if arguments.id is not None:
        ids = _ids_as_written(arguments, frame[arguments.id])
    X_test = y_test = None
    if arguments.test is not None:
        X_test, y_test = _divided("--test", _read("--test", arguments.test), arguments)
        missing = [name for name in X.columns if name not in X_test.columns]
        if missing:
            raise UsageError(f"--test lacks columns of --data: {', '.join(map(str, missing[:5]))}.")
        X_test = X_test[list(X.columns)]
    return OwnTable(Path(arguments.data).stem, frame, X, y, ids, X_test, y_test)


def _read(option, file):
    try:
        import pandas
    except ImportError as error:
        raise UsageError(
            f"{option} reads tables by pandas; install it with: pip install 'skqmu[tables]'"
        ) from error
    path = Path(file)
    try:
        if path.suffix.lower() in _PARQUET:
            return pandas.read_parquet(path)
        frame = pandas.read_csv(path)
    except ImportError as error:
        raise UsageError(
            f"{option} {file}: Parquet needs pyarrow; install it with: pip install 'skqmu[tables]'"
        ) from error
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{option} {file} cannot be read: {error} (a .csv file is text in UTF-8 with commas "
            "between its columns)"
        ) from error
    if frame.shape[1] == 1 and any(mark in str(frame.columns[0]) for mark in ";\t"):
        raise UsageError(
            f"{option} {file} has other marks than commas between its columns; write it again: "
            "pandas.read_csv(FILE, sep=None, engine='python').to_csv(FILE, index=False), with "
            "decimal=',' in the first where numbers have commas."
        )
    return frame


def _ids_as_written(arguments, column):
    """Ids of a column; texts where numbers would make one of two, as of 007 and 7."""
    import pandas

    texts = column
    if Path(arguments.data).suffix.lower() not in _PARQUET:
        # an id may be called NA
        own = {"usecols": [arguments.id], "dtype": str, "keep_default_na": False}
        texts = pandas.read_csv(arguments.data, na_values=[""], **own)[arguments.id]
    if texts.isna().any():
        raise UsageError(f"--id {arguments.id!r} is empty in {int(texts.isna().sum())} rows.")
    numeric = column.dtype.kind in "iuf"
    if texts is column or (numeric and texts.str.fullmatch(_PLAIN_NUMBER).all()):
        return column.to_numpy()
    return texts.to_numpy()


def _divided(option, frame, arguments):
    """Columns to learn from, and labels."""
    for name, column in (("--target", arguments.target), ("--id", arguments.id)):
        # held-out rows may come without ids
        if (
            column is not None
            and column not in frame.columns
            and (option, name) != ("--test", "--id")
        ):
            raise UsageError(
                f"{name} {column!r} is no column of {option}; it has "
                f"{', '.join(map(str, frame.columns[:20]))}."
            )
    labels = frame[arguments.target]
    if labels.isna().any():
        raise UsageError(
            f"{option} has {int(labels.isna().sum())} rows without a label in {arguments.target!r}."
        )
    others = [name for name in (arguments.target, arguments.id) if name in frame.columns]
    return frame.drop(columns=others), labels.to_numpy()


def model_of(arguments, table):
    """Return the model to work on, the table as it takes it, and whether it is fitted.

    Parameters
    ----------
    arguments : argparse.Namespace
        With model, trust and estimator.
    table : OwnTable
    """
    if arguments.model is None:
        # numbers of rows, as pandas writes them, would be learned by heart
        kept = [name for name in table.X.columns if name != _ROW_NUMBERS]
        tests = None if table.X_test is None else table.X_test[kept]
        table = replace(table, X=table.X[kept], X_test=tests)
        return _named_model(arguments.estimator, table.X), table, False
    if arguments.estimator is not None:
        raise UsageError("--model FILE and --estimator NAME exclude each other.")
    import skqmu

    try:
        model = skqmu.load(arguments.model, trust=arguments.trust)
    except (OSError, ValueError, ImportError) as error:
        raise UsageError(f"--model {arguments.model}: {error}") from error
    return model, table.with_columns_of(model), True


def _named_model(name, X):
    """A classifier by its class's name, behind what turns columns into numbers."""
    from sklearn.utils import all_estimators

    import skqmu
    from skqmu._validation import check_choice

    known = dict(all_estimators(type_filter="classifier"))
    known |= {kind: getattr(skqmu, kind) for kind in ("QNNClassifier", "HybridQNNClassifier")}
    name = "QNNClassifier" if name is None else name
    try:
        kind = known[check_choice("--estimator", name, known)]
        classifier = kind()
    except (ValueError, TypeError) as error:
        raise UsageError(error) from error
    return _behind_columns(classifier, X)


def _behind_columns(classifier, X):
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.decomposition import PCA
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = make_column_transformer(
        (
            make_pipeline(SimpleImputer(), StandardScaler()),
            make_column_selector(dtype_include=["number", "bool"]),
        ),
        (
            OneHotEncoder(
                handle_unknown="infrequent_if_exist",
                max_categories=_MOST_CATEGORIES,
                sparse_output=False,
            ),
            make_column_selector(dtype_exclude=["number", "bool"]),
        ),
    )
    steps = [columns, classifier]
    is_circuit = type(classifier).__module__.startswith("skqmu.")
    if is_circuit and columns.fit_transform(X).shape[1] > _MOST_FEATURES:
        # whitened: an angle wraps around, so components must not differ in their spread
        steps.insert(1, PCA(_MOST_FEATURES, whiten=True))
    return make_pipeline(*steps)
