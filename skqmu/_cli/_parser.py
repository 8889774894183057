"""What can be asked for on the command line, and the help that teaches it."""

import argparse

import skqmu
from skqmu._cli._ledger_options import add_forget, add_ledger
from skqmu._text import one_line
from skqmu.datasets import EMBEDDED

__all__ = [
    "DEFAULT_ATTACKS",
    "DEFAULT_FORGET",
    "DEFAULT_MECHANISMS",
    "DEFAULT_ROWS",
    "make_parser",
]

DEFAULT_FORGET = ("class:0", "fraction:0.1")
#: by the model: a head that is a convex problem can forget exactly, trained weights cannot
DEFAULT_MECHANISMS = {
    "features": ("retrain", "exact_downdate", "fine_tune"),
    "trained": ("retrain", "gradient_ascent", "label_complement"),
}
#: where not all rows are used: few rows are learned by heart, and leak
DEFAULT_ROWS = {"digits": 400}
DEFAULT_ATTACKS = ("loss", "confidence", "lira")

_AUDIT = """
Train a quantum classifier on a data set that comes with scikit-learn, make it forget,
and find out whether the result can be told from a model that never saw the data.

For each request (--forget) there are
  the original    trained on everything;
  oracles         the same model, trained from scratch without the forgotten rows: what
                  forgetting should look like, and how far such models differ by themselves;
  mechanisms      copies of the original that were told to forget.
Attacks try to tell forgotten rows from held-out rows of the same classes, refitted
against each model. All of it is repeated, with new seeds and splits, until each
mechanism is known to differ from retraining or not to (by more than --delta). The
terminal shows a table; DIR receives audit.html (one page that needs nothing else) and
audit.json (every number, format skqmu.audit/2).
"""

_ATTACK = """
Find out whether somebody who asks a model can tell the rows that it was trained on from
other rows of the same classes. Nothing is forgotten, and a fitted model stays as it is.

  python -m skqmu attack --data clients.csv --test unseen.csv --target churn --id client \\
      --model rf.joblib --trust

The terminal shows a table; DIR receives leakage.html (one page that needs nothing else)
and leakage.json (every number, format skqmu.leakage/1).
"""

_EXAMPLES = """
examples:
  python -m skqmu audit
      handwritten digits; forget class 0, and a tenth of all rows; every default
  python -m skqmu audit --dataset iris --repeats 1
      a QNN with trained weights, once: quicker, and little can be decided
  python -m skqmu audit --model trained --mechanism scrub --mechanism retrain --out scrub
      whether SCRUB's models can be told from retrained ones
  python -m skqmu audit --dry-run
      say what would be trained at most, and train nothing
  python -m skqmu audit --data clients.csv --target churn --id client --model rf.joblib \\
      --trust --test unseen.csv --forget ids:leaving.txt
      whether a fitted model of your own still knows the clients who left
  python -m skqmu show audit-report/audit.json
      show a finished report again

exit codes: 0 done, 1 the work failed, 2 the request was at fault, 130 interrupted, 143
terminated (what was finished until then is written).
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        super().error(one_line(message))


def make_parser():
    """Return the parser of the whole command line."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--traceback", action="store_true", help="on an error show where it came from"
    )
    parser = _Parser(
        prog="python -m skqmu",
        description="Quantum machine unlearning: train, forget, attack, compare.",
        epilog="'python -m skqmu audit --help' explains the main command.",
    )
    parser.add_argument("--version", action="version", version=f"skqmu {skqmu.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", title="commands")
    _add_audit(commands, common)
    _add_attack(commands, common)
    show = commands.add_parser(
        "show",
        parents=[common],
        help="print a report that was written before, and make its page again",
        description="Print a report from its JSON file.",
    )
    show.add_argument("report", metavar="FILE", help="audit.json or leakage.json")
    show.add_argument("--html", metavar="PAGE", help="also write the page to PAGE")
    show.add_argument("--force", action="store_true", help="replace PAGE if it is there")
    add_forget(commands, common)
    add_ledger(commands, common)
    commands.add_parser(
        "versions",
        parents=[common],
        help="print versions for a bug report",
        description="Print the versions of skqmu and of what it stands on.",
    )
    return parser


def _add_attack(commands, common):
    attack = commands.add_parser(
        "attack",
        parents=[common],
        help="what a model gives away of its training rows",
        description=_ATTACK,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    own = attack.add_argument_group("table and model")
    _add_own(own)
    own.add_argument("--model", metavar="FILE", help="a fitted model, .skops or (--trust) .joblib")
    size = attack.add_argument_group("how much work")
    size.add_argument(
        "--attack",
        action="append",
        metavar="NAME",
        help="how to attack; 'list' explains them; repeatable (default: loss, confidence, lira, "
        "rmia)",
    )
    _add_shadows(size)
    _add_common_size(size)
    out = attack.add_argument_group("what comes out")
    out.add_argument(
        "--out",
        metavar="DIR",
        help="folder for leakage.json and leakage.html (default: leakage-report, or the first of "
        "leakage-report-2, -3, ... that is free)",
    )
    out.add_argument("--force", action="store_true", help="replace files of an earlier run in DIR")
    out.add_argument("--quiet", action="store_true", help="no progress and no table")


def _add_shadows(size):
    size.add_argument(
        "--shadows",
        type=int,
        default=16,
        metavar="N",
        help="shadow models behind lira and rmia, even (default: 16; 64 and more to be thorough)",
    )


def _add_common_size(size):
    size.add_argument(
        "--test-size",
        type=float,
        default=0.5,
        metavar="F",
        help="share of the rows to hold out (default: 0.5)",
    )
    size.add_argument(
        "--n-jobs",
        type=int,
        default=-1,
        metavar="N",
        help="models trained at once (default: -1, one a core); changes no number",
    )
    size.add_argument(
        "--seed", type=int, default=0, metavar="S", help="all randomness (default: 0)"
    )
    size.add_argument(
        "--level", type=float, default=0.95, metavar="P", help="of intervals (default: 0.95)"
    )


def _add_audit(commands, common):
    audit = commands.add_parser(
        "audit",
        parents=[common],
        help="train, forget, attack, and compare with retraining",
        description=_AUDIT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_what(audit.add_argument_group("what is audited"))
    _add_own(audit.add_argument_group("a table and a model of your own"))
    _add_size(audit.add_argument_group("how much work"))
    _add_out(audit.add_argument_group("what comes out"))


def _add_what(what):
    what.add_argument(
        "--dataset", default="digits", choices=EMBEDDED, help="data set (default: digits)"
    )
    what.add_argument(
        "--rows",
        type=int,
        metavar="N",
        help="use so many rows, drawn by class (default: 400 of digits, else all)",
    )
    what.add_argument(
        "--model",
        metavar="NAME|FILE",
        help="features: a random circuit under a ridge regression, which learns few rows by "
        "heart and can forget exactly; trained: a scaled QNN with trained weights (default: "
        "features for digits, else trained). With --data: FILE, see below",
    )
    what.add_argument(
        "--forget",
        action="append",
        metavar="WHAT",
        help="class:LABEL (every row of a class), fraction:F (that share of the rows, at "
        "random, by class), corrupt:KIND:RATE (that share of the rows made bad before training: "
        "label_flip, feature_noise, confusion; :known=SHARE forgets a share of them); with --data "
        "also ids:FILE (an id a line; with --id) and "
        f"'COLUMN == VALUE'; repeatable (default: {' and '.join(DEFAULT_FORGET)}; only "
        "the latter where there are two classes)",
    )
    what.add_argument(
        "--sequential",
        action="store_true",
        help="the requests come one after another to the same model, in the order of --forget; "
        "'--forget fraction:0.05' five times is five requests",
    )
    what.add_argument(
        "--mechanism",
        action="append",
        metavar="NAME",
        help="how to forget; 'list' names them all; repeatable "
        "(default: "
        + "; ".join(f"{', '.join(names)} ({kind})" for kind, names in DEFAULT_MECHANISMS.items())
        + ")",
    )
    what.add_argument(
        "--attack",
        action="append",
        metavar="NAME",
        help="how to attack: loss, confidence, true_confidence, entropy, modified_entropy, logit "
        "(thresholds), lira, lira_offline, rmia, rmia_offline, shadow_model, qnn_output, update; "
        f"'list' explains them; repeatable (default: {', '.join(DEFAULT_ATTACKS)})",
    )


def _add_own(own):
    own.add_argument(
        "--data", metavar="FILE", help="table of rows, CSV or Parquet (extra 'tables')"
    )
    own.add_argument("--target", metavar="COLUMN", help="the column of labels")
    own.add_argument("--id", metavar="COLUMN", help="the column of ids, which is not learned from")
    own.add_argument(
        "--test", metavar="FILE", help="held-out rows; without it some of --data are held out"
    )
    own.add_argument(
        "--train",
        metavar="WHAT",
        help="with --model FILE and no --test: which rows of --data the model was trained on, "
        "said as --forget is ('split == train')",
    )
    own.add_argument(
        "--trust",
        action="store_true",
        help="with --model FILE: read a pickle (.joblib, .pkl), which runs what is in it; a "
        ".skops file needs no trust",
    )
    own.add_argument(
        "--estimator",
        metavar="NAME",
        help="instead of --model FILE: a classifier of scikit-learn or skqmu, trained here behind "
        "scaling and one-hot columns (default: QNNClassifier)",
    )


def _add_size(size):
    _add_shadows(size)
    size.add_argument(
        "--oracles",
        type=int,
        metavar="N",
        help="models retrained without the forgotten rows (default: 3; 10 with --data once, where "
        "few would leave most open)",
    )
    size.add_argument(
        "--repeats",
        type=int,
        metavar="R",
        help="do it all R times, with new seeds and splits (default: as often as it takes to "
        "decide, at most 32 times; with --data once)",
    )
    size.add_argument(
        "--curves",
        action="store_true",
        help="follow each mechanism: differences to retraining after each epoch",
    )
    size.add_argument(
        "--max-seconds",
        type=float,
        metavar="S",
        help="decided or not, begin no repeats that would end later",
    )
    size.add_argument(
        "--delta",
        type=float,
        default=0.1,
        metavar="D",
        help="difference in an accuracy, an AUC, a share of probability that is held to be none "
        "(default: 0.1)",
    )
    _add_common_size(size)


def _add_out(out):
    out.add_argument(
        "--out",
        metavar="DIR",
        help="folder for audit.html and audit.json (default: audit-report, or the first of "
        "audit-report-2, -3, ... that is free)",
    )
    out.add_argument("--force", action="store_true", help="replace files of an earlier run in DIR")
    out.add_argument(
        "--resume",
        metavar="FOLDER",
        help="keep each model in FOLDER when it is trained; the same command goes on from there "
        "after whatever cut it off. Emptied at the end. Models of records: keep it to yourself",
    )
    out.add_argument("--dry-run", action="store_true", help="check and count, train nothing")
    out.add_argument("--quiet", action="store_true", help="no progress and no table")
