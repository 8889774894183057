"""What a strategy sees of a classifier that was trained privately."""

from dataclasses import dataclass

from ..privacy import PrivacyRecord

__all__ = ["PrivacyView"]


@dataclass(frozen=True)
class PrivacyView:
    """The promise that a private fit made, and what is known of the rows to forget.

    Parameters
    ----------
    record : PrivacyRecord
    members_checked : bool
        Whether a member record says who was trained on, so that copies are found and counted.

    Examples
    --------
    >>> from skqmu.privacy import DifferentialPrivacy, PrivacyRecord
    >>> from skqmu.unlearning import PrivacyView
    >>> plan = DifferentialPrivacy(1.0).plan(n_rows=500, batch_size=500, max_iter=20)
    >>> PrivacyView(PrivacyRecord((plan,)), members_checked=True).record.n_deleted
    0
    """

    record: PrivacyRecord
    members_checked: bool
