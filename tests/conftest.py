"""Settings of the whole suite."""

import os

# One BLAS thread a worker: pytest runs a worker a core, and threads that compete for the
# cores make small matrix products many times slower. Set before NumPy is first imported.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
