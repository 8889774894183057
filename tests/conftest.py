"""Settings of the whole suite."""

import inspect
import os
import re
import sys
import warnings
from pathlib import Path

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


@pytest.fixture(scope="session")
def python_of():
    """Function from a page, as README.md or docs/ids.md, to its Python: a list of blocks."""

    def blocks(page):
        text = (Path(__file__).parents[1] / page).read_text(encoding="utf-8")
        return re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)

    return blocks


@pytest.fixture(scope="session")
def files_handed():
    """Function that follows a call: which files of skqmu a value is handed to, in order."""

    def followed(call, holds, reads):
        """Call it.

        Parameters
        ----------
        call : callable without arguments
        holds : callable
            From an argument to whether the value is in it.
        reads : callable
            From a room's name to whether its files count.
        """
        import skqmu

        root, files, entered = Path(skqmu.__file__).parent, [], []

        def look(frame, event, _):
            code = frame.f_code
            if event != "call" or not code.co_filename.startswith(str(root)):
                return
            if any(frame is known for known in entered):
                return  # a generator that goes on
            if code.co_flags & inspect.CO_GENERATOR:
                entered.append(frame)
            name = os.path.relpath(code.co_filename, root)
            if not reads(name.split(os.sep)[0]) or (files and files[-1] == name):
                return
            names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            if any(holds(frame.f_locals.get(each)) for each in names if each != "self"):
                files.append(name)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sys.setprofile(look)
            try:
                call()
            finally:
                sys.setprofile(None)
        return files

    return followed
