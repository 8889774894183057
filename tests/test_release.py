"""What a release says of itself is one thing said once: versions, requirements, scripts."""

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import skqmu

ROOT = Path(__file__).parents[1]
SETUP = (ROOT / "setup.cfg").read_text("utf-8")
RECIPE = (ROOT / "conda" / "meta.yaml").read_text("utf-8")


def requirements(text):
    """Name to lower bound, of setup.cfg's and of a recipe's lines."""
    found = re.findall(r"^ +(?:- )?([a-z][\w-]*) ?>= ?([\d.]+)$", text, re.M)
    return {name.removesuffix("-base"): bound for name, bound in found}


def test_the_version_is_the_same_wherever_it_stands():
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", skqmu.__version__)
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.M)
    assert cited.group(1) == skqmu.__version__
    assert f'set version = "{skqmu.__version__}"' in RECIPE
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M).group(1)
    assert newest in (skqmu.__version__, "Unreleased")


def test_the_recipe_asks_for_what_setup_cfg_asks_for():
    section = re.search(r"install_requires =\n((?: +.*\n)+)", SETUP).group(1)
    run = re.search(r"  run:\n((?: +- .*\n)+)", RECIPE).group(1)
    python = re.search(r"python_requires = >=([\d.]+)", SETUP).group(1)
    assert requirements(run) == {"python": python, **requirements(section)}


def test_workflows_call_scripts_that_are_there():
    called = set()
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = path.read_text("utf-8")
        called |= set(re.findall(r"run: bash (\.ci/\w+)", text))
        # whatever else a step does in a shell would be a second way to test or to build
        others = re.findall(r"run: (?!bash \.ci/)(.*)", text)
        assert all("grep" in other for other in others), others
    assert called == {".ci/run", ".ci/versions", ".ci/docs", ".ci/release"}
    assert all((ROOT / script).exists() for script in called)


@pytest.mark.skipif(sys.platform == "win32", reason="no bash is certain there")
@pytest.mark.parametrize("script", ["run", "versions", "docs", "release"])
def test_scripts_are_programs_that_bash_can_read(script):
    path = ROOT / ".ci" / script
    assert path.stat().st_mode & 0o100
    subprocess.run(["bash", "-n", str(path)], check=True)


def test_a_source_archive_does_not_tell_when_and_by_whom_it_was_made(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / ".ci"))
    from repack_sdist import repacked

    packed = []
    for name, order in (("one", ("a", "b")), ("two", ("b", "a"))):
        folder = tmp_path / name
        folder.mkdir()
        for file in order:
            (folder / file).write_text(f"the same {file}")
        (folder / "a").chmod(0o700 if name == "one" else 0o755)
        archive = tmp_path / f"{name}.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            for file in order:
                tar.add(folder / file, f"skqmu-1/{file}")
        packed.append(repacked(archive.read_bytes(), 1_700_000_000))
    assert packed[0] == packed[1]
    (tmp_path / "new.tar.gz").write_bytes(packed[0])
    with tarfile.open(tmp_path / "new.tar.gz") as tar:
        assert tar.extractfile("skqmu-1/b").read() == b"the same b"
        assert {member.mtime for member in tar} == {1_700_000_000}


OFFLINE = """
import socket, sys
def connect(self, address):
    raise SystemExit(f"somebody reaches for {address}")
socket.socket.connect = socket.socket.connect_ex = connect
socket.getaddrinfo = lambda *asked, **kw: sys.exit(f"somebody asks for {asked}")
"""


def test_nothing_reaches_for_the_network(tmp_path):
    rooms = sorted(path.parent.name for path in (ROOT / "skqmu").glob("[a-z]*/__init__.py"))
    code = f"{OFFLINE}\nimport importlib\nfor room in {rooms}:\n"
    code += "    importlib.import_module(f'skqmu.{room}')\n"
    code += (
        "from sklearn.datasets import load_iris\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "import skqmu\n"
        "report = skqmu.audit(LogisticRegression(max_iter=500), *load_iris(return_X_y=True),"
        " forget='class:0', attacks='loss', random_state=0)\n"
        "report.to_html('audit.html'), report.to_json('audit.json')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(Path(skqmu.__file__).parents[1])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    page = (tmp_path / "audit.html").read_text("utf-8")
    assert not re.search(r"""(?:src|href)=["']?https?://""", page.split("<body", 1)[0])
    assert not re.search(r"""\ssrc=["']?https?://""", page)
