"""What every audit report says in words: the method, its limits, sources, and terms."""

import re

__all__ = ["CANNOT_SHOW", "GLOSSARY", "LEVEL_WORDS", "references"]

#: What each verdict says, for a reader who knows none of the terms.
LEVEL_WORDS = {
    "differs": "At least one measure tells this model from models that never saw the rows, by more "
    "than chance explains. The deletion left a trace, or did damage.",
    "indistinguishable": "Every measure is, within the stated margin, what it is for models that "
    "never saw the rows. No trace was found, and traces beyond the margin are excluded.",
    "unresolved": "Rows or retrained models are too few to say either: no trace was found, none "
    "was excluded.",
    "none": "No verdict was possible: there are too few retrained models to compare with.",
    "failed": "The way of forgetting gave up. It changed nothing; the rows are still in the model.",
}
#: What a reader must not conclude, whatever the verdicts are.
CANNOT_SHOW = (
    "It cannot show that nothing leaks. It shows what these attacks find; stronger ones may exist.",
    "It is about one model or, where it was repeated, about the way in which such models are "
    "trained, on these rows. Another data set, model or request needs an audit of its own.",
    "It does not look for copies: backups, caches, logs, earlier versions of the model, and what "
    "others derived from it keep what they know. Who also holds an earlier version can compare.",
    "It does not establish that a law or contract is fulfilled. It is evidence for whoever decides "
    "that.",
    "It does not check who asked, whether the request was justified, or whether the right rows "
    "were named.",
)
_BASIS = (
    "S. Yeom, I. Giacomelli, M. Fredrikson, S. Jha: Privacy Risk in Machine Learning: Analyzing "
    "the Connection to Overfitting. CSF 2018. doi:10.1109/CSF.2018.00027",
    "E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson: Comparing the Areas under Two or More "
    "Correlated Receiver Operating Characteristic Curves. Biometrics 44 (1988). "
    "doi:10.2307/2531595",
    "C. J. Clopper, E. S. Pearson: The Use of Confidence or Fiducial Limits Illustrated in the "
    "Case of the Binomial. Biometrika 26 (1934). doi:10.1093/biomet/26.4.404",
    "D. J. Schuirmann: A Comparison of the Two One-Sided Tests Procedure and the Power Approach "
    "for Assessing the Equivalence of Average Bioavailability. J. Pharmacokinet. Biopharm. 15 "
    "(1987). doi:10.1007/BF01068419",
    "L. Bourtoule et al.: Machine Unlearning. IEEE S&P 2021. doi:10.1109/SP40001.2021.00019",
    "J. Hayes et al.: Inexact Unlearning Needs More Careful Evaluations to Avoid a False Sense of "
    "Privacy. 2024. doi:10.48550/arXiv.2403.01218",
)
_OF_ATTACKS = {
    "lira": "N. Carlini et al.: Membership Inference Attacks From First Principles. IEEE S&P 2022. "
    "doi:10.1109/SP46214.2022.9833649",
    "rmia": "S. Zarifzadeh, P. Liu, R. Shokri: Low-Cost High-Power Membership Inference Attacks. "
    "ICML 2024. doi:10.48550/arXiv.2312.03262",
    "shadow_model": "R. Shokri, M. Stronati, C. Song, V. Shmatikov: Membership Inference Attacks "
    "Against Machine Learning Models. IEEE S&P 2017. doi:10.1109/SP.2017.41",
    "modified_entropy": "L. Song, P. Mittal: Systematic Evaluation of Privacy Risks of Machine "
    "Learning Models. USENIX Security 2021. doi:10.48550/arXiv.2003.10595",
    "qnn_output": "Su et al. 2025. doi:10.48550/arXiv.2509.06086",
    "update": "M. Chen et al.: When Machine Unlearning Jeopardizes Privacy. CCS 2021. "
    "doi:10.1145/3460120.3484756",
}
_OF_BAD_ROWS = (
    "S. Goel, A. Prabhu, P. Torr, P. Kumaraguru, A. Sanyal: Corrective Machine Unlearning. TMLR "
    "2024. doi:10.48550/arXiv.2402.14015",
    "A. Warnecke, L. Pirch, C. Wressnegger, K. Rieck: Machine Unlearning of Features and Labels. "
    "NDSS 2023. doi:10.48550/arXiv.2108.11577",
    "E. C. Fieller: Some Problems in Interval Estimation. J. R. Stat. Soc. B 16 (1954)",
)
#: Terms, by alphabet.
GLOSSARY = (
    ("accuracy", "Share of rows whose most probable class is the right one."),
    (
        "attack",
        "A method that guesses, from a model's answers alone, whether a row was trained on "
        "(membership inference).",
    ),
    (
        "AUC",
        "Area under the ROC curve: how often an attack ranks a forgotten row above a held-out one. "
        "0.5 is guessing; below 0.5 tells as much as above.",
    ),
    ("circuit, shot", "One run of a quantum program, and one measurement of its result."),
    (
        "divergence (KL)",
        "How differently two models distribute their probabilities over the classes, in nats; 0 is "
        "alike.",
    ),
    (
        "false-positive rate (FPR), true-positive rate (TPR)",
        "Share of held-out rows that an attack calls trained on; share of forgotten rows that it "
        "finds.",
    ),
    ("forgotten rows", "Training rows that the request names, with all copies of them."),
    (
        "held-out rows",
        "Rows of the same kind that no model was trained on: they stand for never seen.",
    ),
    (
        "interval",
        "Range that holds the true value in the stated share of cases, as far as chance goes.",
    ),
    ("loss", "How surprised a model is by the right class, in nats; small for what it knows."),
    (
        "mechanism",
        'A way of forgetting. "Exact" and "certified" promise something of the result, '
        '"approximate" does not.',
    ),
    ("member", "A row that a model was trained on."),
    (
        "oracle",
        "The same model retrained from scratch without the forgotten rows, with other seeds: what "
        "forgetting should look like.",
    ),
    (
        "shadow model",
        "A model that an attacker trains on rows of their own choice, to learn what having been "
        "trained on a row looks like.",
    ),
)


def references(attacks, *, bad_rows=False):
    """Sources of the method and of the attacks that were made.

    Parameters
    ----------
    attacks : list of str
    bad_rows : bool, default=False
        Whether rows were made bad.

    Returns
    -------
    tuple of str
    """
    more = _OF_BAD_ROWS if bad_rows else ()
    own = (text for name, text in _OF_ATTACKS.items() if any(a.startswith(name) for a in attacks))
    return tuple(sorted({*_BASIS, *own, *more}, key=_surname))


def _surname(text):
    """The first author's, of initials and surname."""
    return re.search(r"[A-Z][a-z]+", text)[0]
