"""Settings of the whole suite."""

import os
import sys

import pytest

# One BLAS thread a worker: pytest runs a worker a core, and threads that compete for the
# cores make small matrix products many times slower. Set before NumPy is first imported.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")


@pytest.fixture(autouse=True, scope="module")
def classes_of_tests_travel_by_value():
    """Let joblib's processes have what test modules define: they cannot import it.

    The tests' folder is not on the path, so that the installed package is what is tested.
    """
    try:
        from cloudpickle import register_pickle_by_value
    except ImportError:  # joblib below 1.6 brings its own copy
        from joblib.externals.cloudpickle import register_pickle_by_value
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "tests":
            register_pickle_by_value(module)
