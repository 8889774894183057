"""Build the documentation site into docs/_build/html, and look it over.

Run: python docs/make.py [--gallery [REGEX]] [--notebooks] [--fresh]

Without --gallery no example runs: their pages show the code. Nothing is downloaded. A warning is an
error.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE / "_build"


def parsed(argv):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--gallery", nargs="?", const=r"\.py$", metavar="REGEX",
        help="run the examples whose path matches, all without a REGEX; 'quick': those of the gate",
    )  # fmt: skip
    parser.add_argument(
        "--notebooks", action="store_true", help="execute the notebooks of conf.NOTEBOOKS, too"
    )
    parser.add_argument("--fresh", action="store_true", help="forget earlier builds first")
    parser.add_argument("--jobs", default="auto", help="processes that Sphinx uses")
    return parser.parse_args(argv)


def main(argv=None):
    """Write the reference's pages, run Sphinx, check what it made."""
    options = parsed(argv)
    if options.fresh:
        for folder in (BUILD, HERE / "api", HERE / "gallery"):
            shutil.rmtree(folder, ignore_errors=True)
    sys.path[:0] = [str(HERE.parent), str(HERE / "_tools")]
    from api_pages import write_pages

    write_pages()
    command = [
        *(sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q"),
        *("-j", options.jobs, "-d", str(BUILD / "doctrees")),
    ]
    if options.gallery == "quick":
        import conf

        options.gallery = conf.QUICK
    if options.gallery:
        command += ["-D", f"sphinx_gallery_conf.filename_pattern={options.gallery}"]
    ended = subprocess.run([*command, str(HERE), str(BUILD / "html")]).returncode
    if ended:
        return ended
    from site_checks import check

    failed = check(BUILD / "html")
    if options.notebooks:
        import conf
        from notebooks import executed

        failed += executed(HERE / "gallery", conf.NOTEBOOKS, BUILD / "notebooks")
    return failed


if __name__ == "__main__":
    sys.exit(main())
