"""Write docs/licences.md: the licence of every package that an installation brings along.

Run: python .ci/licences.py > docs/licences.md, where '.[dask,dp,skops,tables,torch]' is installed.

From the metadata of what is installed: it says what the packages say of themselves.
"""

import configparser
import datetime
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

SETUP = Path(__file__).parents[1] / "setup.cfg"
# the extras that users install; those of tests and pages are no part of an installation
EXTRAS = ("torch", "dask", "dp", "skops", "tables")


def wanted(requirement, extras):
    """The name in a requirement, if it applies here with these extras."""
    from packaging.requirements import Requirement

    parsed = Requirement(requirement)
    applies = parsed.marker is None or any(
        parsed.marker.evaluate({"extra": extra}) for extra in extras or {""}
    )
    return (parsed.name, parsed.extras) if applies else None


def with_all_that_they_need(names):
    """Packages by their installed names, with what each of them brings along."""
    found, waiting = {}, [(name, set()) for name in names]
    while waiting:
        name, extras = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in found and not extras:
            continue
        try:
            found[key] = distribution(name)
        except PackageNotFoundError:
            print(f"{name} is not installed, and left out", file=sys.stderr)
            continue
        needs = (wanted(each, extras) for each in found[key].requires or ())
        waiting += [need for need in needs if need is not None and need[0].lower() != key]
    return found


def licence(package):
    """What a package says of its licence: an expression, its classifiers, or a line."""
    meta = package.metadata
    if meta.get("License-Expression"):
        return meta["License-Expression"]
    told = [c.split(" :: ")[-1] for c in meta.get_all("Classifier") or () if "License ::" in c]
    told = [each for each in told if each != "OSI Approved"]
    line = (meta.get("License") or "").strip().splitlines()
    return ", ".join(told) or (line[0][:60] if line else "not stated")


def table(packages):
    """One line a package."""
    lines = ["| package | version | licence |", "|---|---|---|"]
    for key in sorted(packages):
        package = packages[key]
        text = licence(package).replace("|", "/")
        lines.append(f"| {package.metadata['Name']} | {package.version} | {text} |")
    return "\n".join(lines)


def names_of(lines):
    """The names in a list of requirements."""
    return re.findall(r"^([\w-]+) *>", lines, re.M)


def main():
    """Print the page."""
    setup = configparser.ConfigParser()
    setup.read(SETUP, encoding="utf-8")
    core = names_of(setup["options"]["install_requires"])
    optional = [n for extra in EXTRAS for n in names_of(setup["options.extras_require"][extra])]
    required = with_all_that_they_need(core)
    extra = {k: v for k, v in with_all_that_they_need(optional).items() if k not in required}
    day = datetime.datetime.now(datetime.UTC).date()
    print(f"""# Licences of what is installed along

skqmu is under Apache-2.0; the packaged Fashion-MNIST sample is (c) 2017 Zalando SE, MIT licence.
Nothing of the packages below is part of skqmu: pip fetches them. As they state it themselves, on
{day}, by `python .ci/licences.py`.

## Always

{table(required)}

## With extras (torch, dask, dp, skops, tables)

{table(extra)}""")


if __name__ == "__main__":
    main()
