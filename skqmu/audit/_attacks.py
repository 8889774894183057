"""The attacks that an audit can make, by name."""

from skqmu.attacks import (
    LiRAAttack,
    QNNOutputAttack,
    RMIAAttack,
    ShadowModelAttack,
    ThresholdAttack,
    UpdateAttack,
)
from skqmu.attacks.tools import SIGNALS

__all__ = ["ATTACKS", "fit_attack", "needs_shadows"]

#: name -> (class, parameters); a name of a signal is a threshold on it
ATTACKS = {
    **{signal: (ThresholdAttack, {"signal": signal}) for signal in SIGNALS},
    "lira": (LiRAAttack, {"online": True}),
    "lira_offline": (LiRAAttack, {"online": False}),
    "qnn_output": (QNNOutputAttack, {}),
    "rmia": (RMIAAttack, {"online": True}),
    "rmia_offline": (RMIAAttack, {"online": False}),
    "shadow_model": (ShadowModelAttack, {}),
    "update": (UpdateAttack, {}),
}
_WITHOUT_SHADOWS = (ThresholdAttack, UpdateAttack)


def needs_shadows(names):
    """Whether any of these attacks learns from shadow models."""
    return any(ATTACKS[name][0] not in _WITHOUT_SHADOWS for name in names)


def fit_attack(name, target, pool, data, random_state, original=None, n_deleted=1):
    """Fit a fresh attack against one model.

    Parameters
    ----------
    name : str
    target : fitted classifier
    pool : ShadowPool or None
        Shared by all attacks; None when none of them needs shadows.
    data : Data
    random_state : int
        Of what the attack itself draws; shadows bring their own.
    original : fitted classifier or None, default=None
        The version before the deletion, which ``"update"`` compares `target` with; None: the
        target itself.
    n_deleted : int, default=1
        Rows between the two.
    """
    make, parameters = ATTACKS[name]
    if make is UpdateAttack:
        before = target if original is None else original
        attack = make(before, target, n_deleted=n_deleted, n_rows=len(data.y), **parameters)
        return attack.fit(data.X_test, data.y_test)
    if pool is None:
        attack = make(target, n_shadows=0, random_state=random_state, **parameters)
        return attack.fit(data.X_test, data.y_test)
    attack = make(target, n_shadows=pool.n_shadows, random_state=random_state, **parameters)
    return attack.fit(pool=pool)
