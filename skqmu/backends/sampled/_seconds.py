"""How long a processor is taken: a rule of thumb that was not checked on a device."""

from qiskit.exceptions import QiskitError

__all__ = ["OVERHEAD_A_JOB", "USUAL_REP_DELAY", "seconds_a_shot"]

# What a job takes beyond its shots, in seconds.
OVERHEAD_A_JOB = 2.0
USUAL_REP_DELAY = 250e-6


def seconds_a_shot(device, circuits, usual_delay=0.0):
    """Seconds that one shot of each of some circuits takes on a device.

    Parameters
    ----------
    device : BackendV2
    circuits : iterable of qiskit.QuantumCircuit
        In the device's gates, measured.
    usual_delay : float, default=0.0
        Between shots, where the device states none; 0: it is a simulator then, and takes none.

    Returns
    -------
    float
    """
    delay = getattr(device, "default_rep_delay", None) or usual_delay
    if not delay:
        return 0.0
    try:
        return sum(delay + c.estimate_duration(device.target, unit="s") for c in circuits)
    except QiskitError:  # it does not say how long its gates take
        return 0.0
