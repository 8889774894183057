"""The command line: it teaches, refuses early, never overwrites, and its exit codes are true."""

import functools
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

import skqmu
from skqmu._cli import main
from skqmu.audit import AuditReport

SMALL = [
    "--forget", "class:0", "--mechanism", "retrain", "--attack", "loss", "--oracles", "2",
    "--n-jobs", "1",
]  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit") / "out"
    assert main(["audit", *SMALL, "--quiet", "--out", str(folder)]) == 0
    return folder


def python_m_skqmu(*arguments, cwd=None, **options):
    command = [sys.executable, "-m", "skqmu", *arguments]
    # the package may stand beside the tests without being installed
    root = os.path.dirname(os.path.dirname(skqmu.__file__))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, *sys.path])}
    return subprocess.Popen(
        command, cwd=cwd, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, **options,
    )  # fmt: skip


# --- what comes out ---------------------------------------------------------------------


def test_an_audit_leaves_a_page_and_numbers_that_agree(finished, capsys):
    report = AuditReport.from_json(finished / "audit.json")
    assert report.data["complete"]
    assert report.scenarios == ["class:0"]
    assert report.data["settings"]["title"] == "iris"
    assert report.data["settings"]["attacks"] == ["loss"]
    assert (finished / "audit.html").read_text(encoding="utf-8") == report.to_html()
    assert sorted(path.name for path in finished.iterdir()) == ["audit.html", "audit.json"]


def test_the_oracles_of_a_removed_class_keep_its_column(finished):
    """QNNClassifier.fit(classes=) lets an oracle know of a class that it never saw."""
    report = AuditReport.from_json(finished / "audit.json")
    oracle = report.model("class:0", "oracle 1")
    assert oracle["accuracy"]["forget"]["value"] == 0
    # a structural zero would be the ceiling of the loss, 20.7, in every row
    assert oracle["loss"]["forget"]["value"] < 20
    assert oracle["cost"]["gradient_rows"] > 0


def test_show_prints_the_same_report_and_makes_the_page_again(finished, here, capsys):
    assert main(["show", str(finished / "audit.json"), "--html", "again.html"]) == 0
    shown = capsys.readouterr().out
    assert "Unlearning audit" in shown
    assert "class:0" in shown
    assert (here / "again.html").read_bytes() == (finished / "audit.html").read_bytes()
    assert main(["show", str(finished / "audit.json"), "--html", "again.html"]) == 2
    assert "--force" in capsys.readouterr().err
    assert main(["show", str(finished / "audit.json"), "--html", "again.html", "--force"]) == 0


def test_earlier_files_are_never_silently_overwritten(finished, here, capsys):
    before = (finished / "audit.json").read_bytes()
    assert main(["audit", *SMALL, "--out", str(finished)]) == 2
    assert "earlier run; choose another --out, or pass --force" in capsys.readouterr().err
    assert (finished / "audit.json").read_bytes() == before


def test_the_default_folder_is_the_first_that_is_free(here):
    from skqmu._cli._audit import _first_free

    folder = here / "audit-report"
    assert _first_free(folder) == folder
    folder.mkdir()
    (here / "audit-report-2").mkdir()
    assert _first_free(folder) == here / "audit-report-3"


def test_force_replaces_and_quiet_says_where_the_files_are(here, capsys):
    folder = here / "out"
    folder.mkdir()
    (folder / "audit.json").write_text("old")
    assert main(["audit", *SMALL, "--out", "out", "--force", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == ["page: out/audit.html", "numbers: out/audit.json"]
    assert err == ""
    assert json.loads((folder / "audit.json").read_text())["schema"] == "skqmu.audit/1"


def test_the_same_seed_gives_the_same_numbers_from_another_process(finished, here):
    process = python_m_skqmu("audit", *SMALL[:-1], "2", "--out", "other", cwd=here)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "page: other/audit.html" in out
    assert "class:0: oracles and mechanisms: 3 done" in err
    first, second = (
        AuditReport.from_json(folder / "audit.json") for folder in (finished, here / "other")
    )
    for model in ("original", "oracle 1", "oracle 2", "retrain"):
        a, b = (report.model("class:0", model) for report in (first, second))
        assert a["accuracy"] == b["accuracy"]
        assert a["attacks"] == b["attacks"]


# --- what is refused --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--forget", "class:7"], "no class '7'; the classes are 0, 1, 2"),
        (["--forget", "fraction:2"], "strictly between 0 and 1"),
        (["--forget", "setosa"], "not understood"),
        (["--dataset", "breast_cancer", "--forget", "class:0"], "leaves a single class"),
        (["--mechanism", "gradient_ascend"], "Did you mean 'gradient_ascent'"),
        (["--attack", "liar"], "Did you mean 'lira'"),
        (["--attack", "lira", "--shadows", "7"], "must be even"),
        (["--oracles", "0"], "n_oracles=0"),
        (["--seed", "-1"], "must not be negative"),
        (["--test-size", "1.5"], "test_size"),
        (["--level", "95"], "level=95"),
    ],
)
def test_a_request_at_fault_is_refused_before_any_work(here, capsys, arguments, message):
    start = time.perf_counter()
    assert main(["audit", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not any(here.iterdir())
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("arguments", [["--dataset", "irs"], ["--shadows", "x"], ["--nonsense"]])
def test_arguments_that_do_not_parse_exit_with_two(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["audit", *arguments])
    assert stop.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_report_that_is_none_is_refused(here, capsys):
    (here / "other.json").write_text('{"a": 1}')
    assert main(["show", "other.json"]) == 2
    assert "no audit report" in capsys.readouterr().err
    assert main(["show", "missing.json"]) == 2
    assert "missing.json cannot be read" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_refused_before_any_work(here, capsys):
    (here / "file").write_text("")
    assert main(["audit", "--out", "file/below"]) == 2
    assert "cannot be made" in capsys.readouterr().err


def test_work_that_fails_exits_with_one_and_shows_its_origin_on_request(here, monkeypatch, capsys):
    from skqmu.audit import _run

    def fail(*args, **kwargs):
        raise RuntimeError("no more electrons")

    monkeypatch.setattr(_run, "fit_model", fail)
    assert main(["audit", *SMALL]) == 1
    err = capsys.readouterr().err
    assert "skqmu audit: no more electrons" in err
    assert "Traceback" not in err
    assert main(["audit", *SMALL, "--traceback"]) == 1
    assert "Traceback" in capsys.readouterr().err


# --- interruption -----------------------------------------------------------------------


def test_an_interrupt_leaves_what_was_finished(here, monkeypatch, capsys):
    from skqmu.audit import _run

    judge = _run.Judge

    def judge_once(data, scenario, *args):
        if scenario.name == "fraction:0.2":
            raise KeyboardInterrupt
        return judge(data, scenario, *args)

    monkeypatch.setattr(_run, "Judge", judge_once)
    assert main(["audit", *SMALL, "--forget", "fraction:0.2", "--out", "out"]) == 130
    report = AuditReport.from_json(here / "out" / "audit.json")
    assert report.scenarios == ["class:0"]
    assert not report.data["complete"]
    assert "interrupted" in (here / "out" / "audit.html").read_text(encoding="utf-8")
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_in_the_first_minute_ends_at_once_and_leaves_no_trace(here):
    # Who runs the tests in a shell's background ignores Ctrl-C, and so would the child.
    listening = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = python_m_skqmu(
        "audit", "--shadows", "64", "--n-jobs", "1", cwd=here, preexec_fn=listening
    )
    while "original" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert not any(here.iterdir())


# --- help -------------------------------------------------------------------------------


def test_help_teaches(capsys):
    for arguments in (["--help"], ["audit", "--help"], ["show", "--help"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0
    text = capsys.readouterr().out
    for word in ("oracles", "examples:", "exit codes:", "class:LABEL", "fraction:F", "--dry-run"):
        assert word in text
    assert main([]) == 0
    assert "audit" in capsys.readouterr().out


def test_the_mechanisms_that_help_names_are_those_that_exist(capsys):
    from skqmu.unlearning import STRATEGIES

    assert main(["audit", "--mechanism", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == sorted(STRATEGIES)
    assert all("approximate" in line or "exact" in line or "certified" in line for line in lines)


@pytest.mark.parametrize("dataset", ["iris", "wine", "digits", "breast_cancer"])
def test_a_dry_run_counts_what_every_data_set_would_train(dataset, here, capsys):
    assert main(["audit", "--dataset", dataset, "--dry-run"]) == 0
    scenarios = 1 if dataset == "breast_cancer" else 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        "original: 1",
        f"oracles: {3 * scenarios}",
        f"mechanism runs: {3 * scenarios}",
        "shadows: 16",
        f"attacks: {3 * 7 * scenarios}",
    ]
    parts = ("original", "oracles", "mechanism runs", "shadows", "queries", "total")
    told = [re.fullmatch(r"cost at most, (.+): ([\d,]+) circuits", line) for line in lines[5:]]
    assert [match[1] for match in told] == list(parts)
    circuits = [int(match[2].replace(",", "")) for match in told]
    assert sum(circuits[:-1]) == circuits[-1] > 0
    assert not any(here.iterdir())


def test_versions(capsys):
    assert main(["versions"]) == 0
    assert "scikit-learn: " in capsys.readouterr().out


def test_starting_up_is_quick_and_loads_no_quantum_package():
    code = (
        "import sys; from skqmu._cli import main\n"
        "try:\n    main(['audit', '--help'])\nexcept SystemExit:\n    pass\n"
        "print('LOADED', *{name.split('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split("LOADED")[1]
    assert not {"qiskit", "matplotlib", "jinja2"} & set(loaded.split())
