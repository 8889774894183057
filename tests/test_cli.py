"""The command line: it teaches, refuses early, never overwrites, and its exit codes are true.

This file looks inside.
"""

import functools
import json
import multiprocessing
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
    "--forget", "class:0", "--dataset", "iris", "--repeats", "1", "--mechanism", "retrain",
    "--attack", "loss", "--oracles", "2", "--n-jobs", "1",
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


def test_classes_of_the_embedded_data_have_names(here, capsys):
    assert main(["audit", *SMALL[2:], "--forget", "class:setosa", "--dry-run"]) == 0
    arguments = ["--dataset", "wine", "--forget", "class:class_7", "--dry-run"]
    assert main(["audit", *arguments]) == 2
    assert "there is no class 'class_7'; the classes are 0, 1, 2" in capsys.readouterr().err


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
    from skqmu._cli._output import _first_free

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
    assert json.loads((folder / "audit.json").read_text())["schema"] == "skqmu.audit/2"


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
        (["--dataset", "iris", "--forget", "class:7"], "no class '7'; the classes are 0, 1, 2"),
        (["--forget", "fraction:2"], "strictly between 0 and 1"),
        (["--forget", "setosa"], "not understood"),
        (["--forget", "corrupt:label_flip"], "rate='' must be a share above 0"),
        (["--forget", "corrupt:flips:0.3"], "allowed: 'confusion', 'feature_noise', 'label_flip'"),
        (["--dataset", "breast_cancer", "--forget", "class:0"], "leaves a single class"),
        (["--dataset", "iris", "--rows", "200"], "--rows 200 must be from 3"),
        (["--repeats", "0"], "--repeats: repeats=0"),
        (["--repeats", "2", "--max-seconds", "9"], "--max-seconds: max_seconds=9"),
        (["--delta", "2"], "--delta: delta=2"),
        (["--model", "trained", "--mechanism", "exact_downdate"], "cannot carry out"),
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


ODD_REQUESTS = """
    --forget=|--forget=class:|--forget=class:setos|--forget=klass:0|--forget=fraction:|--forget=0
    --forget=fraction:nan|--forget=fraction:inf|--forget=fraction:-1|--forget=fraction:1
    --forget=fraction:0.999|--forget=fraction:1e-9|--forget=fraction:[red]|--forget=class:1e400
    --forget=corrupt:|--forget=corrupt:label_flip:2|--forget=corrupt:label_flip:.3:known=x
    --forget=class:\x1b]0;x\x07|--forget=class:\udcff|--forget=class:1 --forget=class:7
    --mechanism=|--mechanism=RETRAIN|--mechanism=default|--mechanism=retrain --mechanism=retrain
    --mechanism=\x1b[31m|--mechanism=amnesiac|--mechanism=certified_removal
    --mechanism=exact_downdate|--mechanism=retrain --mechanism=amnesiac --dry-run
    --attack=|--attack=LOSS|--attack=loss,lira|--attack=lira --attack=lira
    --shadows=0 --attack=lira|--shadows=-2|--shadows=2 --attack=rmia|--shadows=5 --attack=lira
    --shadows=1e3|--shadows=|--shadows=nan|--shadows=1000000000000000000000|--oracles=0|--oracles=-1|--oracles=1.5
    --oracles=1000000000000|--test-size=0|--test-size=1|--test-size=nan|--test-size=inf
    --test-size=-.5|--test-size=1e-4|--test-size=.9999|--test-size=30|--test-size=x
    --n-jobs=0|--n-jobs=x|--n-jobs=1.5|--seed=-1|--seed=x|--seed=1e3|--level=0|--level=1
    --level=95|--level=nan|--level=inf|--level=.4|--level=x|--dataset=|--dataset=Iris
    --rows=0|--rows=2|--rows=151|--rows=x|--rows=1e2|--repeats=0|--repeats=-1|--repeats=x
    --repeats=1.5|--max-seconds=0|--max-seconds=nan|--max-seconds=9|--delta=0|--delta=1
    --delta=nan|--delta=x|--model=|--model=best
    --out=|--out=file|--out=file/below|--out=/proc/x|--out=/dev/null|--out=loop|--out=taken
    --out=folders --force|--out=folders|--out=a\0b|--out=LONG|--out=new/LONG
"""
ODD_FILES = """
    |missing|folder|file|binary|list|null|empty|deep|older|nan|part|loop|a\0b|LONG
    good --html=|good --html=folder|good --html=no/such/page|good --html=file
    good --html=good --force|good --html=file/below|good --html=/proc/x|good --html=a\0b
    good --html=LONG
"""


def lines_of(text):
    return [part.strip() for line in text.strip("\n").splitlines() for part in line.split("|")]


def refused(arguments, capsys):
    """Run what must be refused; return the one line that says why."""
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    told = [line for line in err.splitlines() if not line.startswith(("usage:", " "))]
    assert code == 2, (arguments, err)
    assert len(told) == 1, err
    assert out == ""
    assert not set(err) & set("\x1b\x07\x00")
    return told[0]


@pytest.fixture
def odd_world(here, finished):
    (here / "file").write_text("x")
    (here / "folder").mkdir()
    (here / "folders" / "audit.html").mkdir(parents=True)
    (here / "taken").mkdir()
    (here / "taken" / "audit.json").write_text("{}")
    (here / "loop").symlink_to("loop")
    contents = {
        "binary": b"\xff\x00\x80" * 50, "list": b"[1, 2]", "null": b"null", "empty": b"",
        "deep": b"[" * 100_000, "older": b'{"schema": "skqmu.audit/0"}', "nan": b'{"schema": NaN}',
        "part": b'{"schema": "skqmu.audit/1", "settings": {}}',
        "good": (finished / "audit.json").read_bytes(),
    }  # fmt: skip
    for name, content in contents.items():
        (here / name).write_bytes(content)
    return here


@pytest.mark.skipif(os.name != "posix", reason="links, and paths of the system")
def test_odd_requests_are_refused_in_one_line_that_names_the_argument(odd_world, capsys):
    before = sorted(odd_world.rglob("*"))
    for line in lines_of(ODD_REQUESTS):
        extra = line.replace("LONG", "x" * 300).split(" ")
        told = refused(["audit", *SMALL[2:], *extra], capsys)
        options = {word.partition("=")[0] for word in extra} - {"--force", "--dry-run"}
        assert options & set(re.findall(r"--[a-z-]+", told)) or "mechanism" in told, told
        assert sorted(odd_world.rglob("*")) == before, line


@pytest.mark.skipif(os.name != "posix", reason="links, and paths of the system")
def test_odd_files_are_refused_in_one_line_that_names_them(odd_world, capsys):
    before = {path: path.stat().st_size for path in odd_world.rglob("*") if path.is_file()}
    for line in lines_of(ODD_FILES):
        report, *rest = line.replace("LONG", "x" * 300).split(" ")
        told = refused(["show", report, *rest], capsys)
        name = rest[0] if rest else report
        assert name.replace("\0", "\\x00").partition("=")[2 if rest else 0] in told
    assert {path: path.stat().st_size for path in odd_world.rglob("*") if path.is_file()} == before


def test_a_mechanism_that_cannot_work_is_refused_before_anything_trains(here, monkeypatch, capsys):
    from skqmu.audit import _audit_run

    monkeypatch.setattr(_audit_run, "fit_model", pytest.fail)
    assert main(["audit", "--mechanism", "retrain", "--mechanism", "amnesiac", "--out", "o"]) == 2
    assert "mechanism 'amnesiac' cannot carry out" in capsys.readouterr().err
    assert not any(here.iterdir())


def test_a_failed_audit_leaves_no_empty_folder(here, monkeypatch, capsys):
    from skqmu.audit import _audit_run

    def fail(*args, **kwargs):
        raise RuntimeError("no more\nelectrons \x1b[31m")

    monkeypatch.setattr(_audit_run, "fit_model", fail)
    assert main(["audit", *SMALL, "--out", "a/b/c"]) == 1
    assert capsys.readouterr().err == "skqmu audit: no more electrons \\x1b[31m\n"
    assert not any(here.iterdir())


def test_a_terminal_receives_no_control_characters_of_a_report(finished, here, capsys):
    data = json.loads((finished / "audit.json").read_text())
    data["settings"]["title"] = "[red]iris[/red]\x1b]0;owned\x07"
    data["scenarios"][0]["name"] = "\x9b31m [link=https://example.org]x"
    (here / "odd.json").write_text(json.dumps(data))
    assert main(["show", "odd.json"]) == 0
    out = capsys.readouterr().out
    assert r"[red]iris[/red]\x1b]0;owned\x07" in out
    assert r"\x9b31m [link=https://example.org]x" in out
    assert not set(out) & set("\x1b\x07\x9b")


def test_a_terminal_without_the_letters_still_gets_the_report(finished, here):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    code = "import sys; from skqmu._cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "show", str(finished / "audit.json")],
        env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"Unlearning audit" in done.stdout


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
    from skqmu.audit import _audit_run

    def fail(*args, **kwargs):
        raise RuntimeError("no more electrons")

    monkeypatch.setattr(_audit_run, "fit_model", fail)
    assert main(["audit", *SMALL]) == 1
    err = capsys.readouterr().err
    assert "skqmu audit: no more electrons" in err
    assert "Traceback" not in err
    assert main(["audit", *SMALL, "--traceback"]) == 1
    assert "Traceback" in capsys.readouterr().err


# --- interruption -----------------------------------------------------------------------


def test_an_interrupt_leaves_what_was_finished(here, monkeypatch, capsys):
    from skqmu.audit import _audit_run

    judge = _audit_run.Judge

    def judge_once(data, scenario, *args):
        if scenario.name == "fraction:0.2":
            raise KeyboardInterrupt
        return judge(data, scenario, *args)

    monkeypatch.setattr(_audit_run, "Judge", judge_once)
    assert main(["audit", *SMALL, "--forget", "fraction:0.2", "--out", "out"]) == 130
    report = AuditReport.from_json(here / "out" / "audit.json")
    assert report.scenarios == ["class:0"]
    assert not report.data["complete"]
    assert "interrupted" in (here / "out" / "audit.html").read_text(encoding="utf-8")
    assert "interrupted" in capsys.readouterr().err


ONCE = ["--dataset", "iris", "--repeats", "1"]


def until(process, told):
    """Wait until something is there, while the process lives."""
    while not told():
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(1)  # the work is on its way


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("repeated", [[], ONCE], ids=["repeated", "once"])
def test_ctrl_c_in_the_first_minute_ends_at_once_and_leaves_no_trace(here, repeated):
    # Who runs the tests in a shell's background ignores Ctrl-C, and so would the child.
    listening = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = python_m_skqmu(
        "audit", *repeated, "--shadows", "640", "--n-jobs", "1", cwd=here, preexec_fn=listening
    )
    until(process, lambda: any(here.iterdir()))
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert not any(here.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="sends SIGTERM")
@pytest.mark.parametrize("repeated", [[], ONCE], ids=["repeated", "once"])
def test_sigterm_ends_an_audit_in_seconds_with_its_workers_and_without_a_trace(here, repeated):
    process = python_m_skqmu(
        "audit", *repeated, "--forget", "class:2", "--mechanism", "retrain", "--shadows", "2000",
        "--n-jobs", "2", "--out", "deep/er", cwd=here, start_new_session=True,
    )  # fmt: skip
    until(process, lambda: (here / "deep" / "er").is_dir() and len(group_of(process.pid)) >= 3)
    start = time.perf_counter()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert time.perf_counter() - start < 20  # the work left would take minutes
    assert process.returncode == 143
    assert out == ""
    assert err.splitlines()[-1] == "stopped by SIGTERM"
    assert not any(here.iterdir())
    deadline = time.perf_counter() + 10
    while group_of(process.pid) and time.perf_counter() < deadline:
        time.sleep(0.1)
    assert not group_of(process.pid)


def group_of(leader):
    """Return the live processes of a process group."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat=,pid="], capture_output=True, text=True)
    rows = [line.split() for line in listed.stdout.splitlines()]
    return [pid for pgid, state, pid in rows if int(pgid) == leader and state[0] != "Z"]


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
    repeats = 32  # at most
    assert lines[:5] == [
        f"original: {repeats}",
        f"oracles: {repeats * 3 * scenarios}",
        f"mechanism runs: {repeats * 3 * scenarios}",
        f"shadows: {repeats * 16}",
        f"attacks: {repeats * 3 * 7 * scenarios}",
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


def test_workers_of_joblib_are_ended_too():
    from joblib import Parallel, delayed

    from skqmu._cli._ending import end_workers

    Parallel(n_jobs=2)(delayed(abs)(number) for number in range(4))
    assert multiprocessing.active_children()
    end_workers()
    assert not any(worker.is_alive() for worker in multiprocessing.active_children())
