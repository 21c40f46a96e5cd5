"""Writes ``works_symbols.yaml`` out of ``tests/facts/pairs.csv``: which add-on loads beside which TensorFlow.

A row of the facts is one wheel of an add-on beside one of TensorFlow, for one platform: do the libraries and symbols
that the one asks for exist in the other? A measured version speaks for its own minor, and for nothing in between.

    python3 -m tools.pairs                                                       write the table
    python3 -m tools.pairs --read tensorflow-text==2.21.1 --platform osx-arm64   read these wheels first
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from packaging.version import Version

from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.matrix.matrix import Matrix
from conda_tf_doctor.matrix.model import PYPI
from conda_tf_doctor.subdirs import PLATFORM_MACHINES
from conda_tf_doctor.versions import is_prerelease, key, minor
from tools.package_index import Index
from tools.symbols import BINARY, Wheel, first_missing
from tools.workshop import say

ROOT = Path(__file__).parents[1]
FACTS = ROOT / "tests" / "facts" / "pairs.csv"
TABLE = ROOT / "conda_tf_doctor" / "matrix" / "data" / "works_symbols.yaml"
FIELDS = ("platform", "distribution", "tensorflow", "plugin", "version", "missing")
# What is seen of it, and how bad it is: the plugins of a device are loaded by `import tensorflow` itself.
EFFECTS = {
    "tensorflow-metal": ("error", "it is loaded with TensorFlow, and lacks a symbol or a library of this release"),
    "tensorflow-io": (
        "warning",
        'it lacks symbols of this release; its file systems and data sets are not loaded ("unable to open file")',
    ),
    "tensorflow-io-gcs-filesystem": ("warning", "it lacks symbols of this release, and gs:// cannot be read"),
}
# Nobody changes TensorFlow for it.
OPTIONAL = ("tensorflow-io-gcs-filesystem",)
DEFAULT = ("warning", "its compiled operations lack a symbol or a library of this release, and cannot be loaded")
# Comes with TensorFlow's name and its files: one build under two names.
SAME_BUILD = {"tensorflow": ("tensorflow", "tensorflow-cpu")}
NAMES = {"osx-64": "Intel Macs", "osx-arm64": "Apple silicon", "linux-64": "Linux", "win-64": "Windows"}
# One source is compiled for all machines of these; what is not told a platform is taken for Linux.
WHOLE = {"linux-64": "linux", "win-64": "win"}
HEAD = """\
# Which add-on loads beside which TensorFlow, by the symbols of their wheels. Written by tools/pairs.py out of
# tests/facts/pairs.csv: change these, not this file. The form is that of works.yaml.
"""


class Fact(NamedTuple):
    """One wheel of an add-on beside one of TensorFlow.

    Attributes:
        platform: Subdir (``osx-arm64``).
        distribution: TensorFlow's distribution.
        tensorflow: Its version.
        plugin: The add-on, normalised.
        version: Its version.
        missing: The first library or symbol that is asked for and not there; empty where all are. ``run: …``: all are,
            and it fails all the same where it was run.
    """

    platform: str
    distribution: str
    tensorflow: str
    plugin: str
    version: str
    missing: str


class Job(NamedTuple):
    """Wheels that are to be read beside each other.

    Attributes:
        platform: Conda subdir.
        plugins: The add-ons, ``name==version`` each.
        releases: TensorFlow's, ``distribution==version`` each.
    """

    platform: str
    plugins: Sequence[str]
    releases: Sequence[str]


def read_facts(path: Path = FACTS) -> list[Fact]:
    """Return what was read of wheels."""
    with path.open(encoding="utf-8", newline="") as handle:
        return [Fact(**{field: row[field] for field in FIELDS}) for row in csv.DictReader(handle)]


def write_facts(facts: Iterable[Fact], path: Path = FACTS) -> None:
    """Write facts in their order: by add-on, platform, distribution and version."""
    order = sorted(facts, key=lambda f: (f.plugin, f.platform, f.distribution, key(f.tensorflow), key(f.version)))
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(FIELDS)
        writer.writerows(order)


def tables(facts: Sequence[Fact]) -> dict[str, list[dict[str, Any]]]:
    """Return the entries of each add-on."""
    found: dict[str, list[dict[str, Any]]] = {}
    for plugin in sorted({fact.plugin for fact in facts}):
        own = [fact for fact in facts if fact.plugin == plugin]
        for platform in sorted({fact.platform for fact in own}):
            found.setdefault(plugin, []).extend(_of_platform([f for f in own if f.platform == platform]))
    return found


def _of_platform(facts: Sequence[Fact]) -> list[dict[str, Any]]:
    """Return the entries of one add-on on one platform: one for each run of TensorFlow's minors that are alike."""
    every = sorted({fact.version for fact in facts}, key=key)
    minors = sorted({minor(fact.tensorflow) for fact in facts}, key=key)
    pairs = sorted((key(f.tensorflow), key(f.version), f) for f in facts if not f.missing)
    # What works, by minor and distribution; in a minor in which all agree, by no distribution.
    working: dict[tuple[str, ...], list[tuple[str, frozenset[str]]]] = {}
    for each in minors:
        by_distribution: dict[str, frozenset[str]] = {}
        for name in sorted({fact.distribution for fact in facts if minor(fact.tensorflow) == each}):
            of_it = [f for f in facts if minor(f.tensorflow) == each and f.distribution == name]
            by_distribution[name] = frozenset(every) - {fact.version for fact in of_it if fact.missing}
        if len(set(by_distribution.values())) == 1:
            working.setdefault((), []).append((each, next(iter(by_distribution.values()))))
            continue
        for names, works in _grouped(by_distribution):
            working.setdefault(names, []).append((each, works))
    entries = []
    for names, found in sorted(working.items()):
        for first, last, works in _runs(found, minors):
            entries.append(_entry(facts[0], names, (first, last, minors), every, works))
            if not works:
                entries[-1]["breaks"][0].update(_instead(facts[0], names, first, [fact for *_, fact in pairs]))
    return entries


def _grouped(by_distribution: Mapping[str, frozenset[str]]) -> Iterable[tuple[tuple[str, ...], frozenset[str]]]:
    for name, works in by_distribution.items():
        twins = SAME_BUILD.get(name, (name,))
        yield tuple(each for each in twins if each == name or each not in by_distribution), works


def _runs(
    found: Sequence[tuple[str, frozenset[str]]], minors: Sequence[str]
) -> Iterable[tuple[str, str, frozenset[str]]]:
    """Join neighbouring minors that are alike."""
    start = 0
    for index, (each, works) in enumerate(found):
        following = found[index + 1] if index + 1 < len(found) else None
        adjacent = following and minors.index(following[0]) == minors.index(each) + 1
        if not (following and adjacent and following[1] == works):
            yield found[start][0], each, works
            start = index + 1


def _entry(
    fact: Fact,
    names: tuple[str, ...],
    reach: tuple[str, str, Sequence[str]],
    every: Sequence[str],
    works: frozenset[str],
) -> dict[str, Any]:
    first, last, minors = reach
    severity, how = EFFECTS.get(fact.plugin, DEFAULT)
    # Where nothing loads at the end of what was measured, nothing will beyond it.
    lower = "" if first == minors[0] and not works else f">={first}"
    upper = "" if last == minors[-1] and not works else f"<{_next(last)}"
    short = fact.plugin.replace("tensorflow-", "")
    label = "-".join((short, fact.platform, first, *(name.replace("tensorflow", "tf") for name in names[:1])))
    entry: dict[str, Any] = {"id": f"symbols-{label}"}
    entry["platform"] = [WHOLE.get(fact.platform, fact.platform)]
    if names:
        entry["distribution"] = list(names)
    entry["tensorflow"] = ",".join(filter(None, (lower, upper)))
    broken = [spec for good, spec in _spans(every, works) if not good]
    good = [spec for is_good, spec in _spans(every, works) if is_good]
    if good:
        entry["works"] = good[-1] or f">={every[0]}"
    row = {"versions": " || ".join(broken) if good else "", "severity": severity, "cause": "binary", "how": how}
    if broken:
        entry["breaks"] = [row]
    releases = first if first == last else f"{first} to {last}"
    entry["evidence"] = [f"symbols of the {fact.platform} wheels {every[0]} to {every[-1]} beside those of {releases}"]
    return entry


def _instead(fact: Fact, names: tuple[str, ...], first: str, works: Sequence[Fact]) -> dict[str, Any]:
    """Say what to do where no release of an add-on loads: the newest TensorFlow that has one, or do without."""
    plugin, mac = fact.plugin, fact.platform.startswith("osx")
    other = [f for f in works if minor(f.tensorflow) == first and f.distribution not in names]
    older = [f for f in works if key(minor(f.tensorflow)) < key(first)]
    without = f"uninstall {plugin}" + (
        ", and TensorFlow runs without" if EFFECTS.get(plugin, DEFAULT)[0] == "error" else ""
    )
    choices, row = [without], {}
    if other and names:
        choices.append(f"use {other[-1].distribution} {first} with {plugin} {minor(other[-1].version)}")
    if older:
        newest = [f for f in older if minor(f.tensorflow) == minor(older[-1].tensorflow)]
        best = next((f for f in newest if minor(f.version) == minor(f.tensorflow)), newest[-1])
        release, version = minor(best.tensorflow), minor(best.version)
        if mac or plugin in OPTIONAL:
            choices.append(f"use {best.distribution} {release} with {plugin} {version}")
        else:
            row = {"fix": {"tensorflow": f"=={release}.*", plugin: f"=={version}.*"}}
    if fact.platform == "win-64":
        choices.append("use newer releases of both on Linux (WSL2)")
    if row:
        return {"remedy": f"Or {', or '.join(choices)}.", **row}
    said = f"No release of {plugin} loads beside this TensorFlow on {NAMES[fact.platform]}"
    return {"remedy": f"{said}: {', or '.join(choices)}."}


def _spans(every: Sequence[str], works: frozenset[str]) -> list[tuple[bool, str]]:
    """Return runs of versions with one verdict as ranges, each as wide as the minors that were measured.

    The first is open below and the last above; between two minors nothing is said of those that were not measured.
    """
    spans: list[tuple[bool, str]] = []
    start = 0
    for index, version in enumerate(every):
        last = index + 1 == len(every)
        if not last and (every[index + 1] in works) == (version in works):
            continue
        before = every[start - 1] if start else ""
        after = "" if last else every[index + 1]
        low = "" if not before else every[start] if minor(before) == minor(every[start]) else minor(every[start])
        high = "" if last else after if minor(after) == minor(version) else _next(minor(version))
        spec = ",".join(filter(None, (low and f">={low}", high and f"<{high}")))
        spans.append((version in works, spec))
        start = index + 1
    return spans


def _next(of: str) -> str:
    head, _, tail = of.rpartition(".")
    return f"{head}.{int(tail) + 1}"


def text_of(facts: Sequence[Fact]) -> str:
    """Return the table as YAML."""
    import io

    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 160
    out = io.StringIO()
    yaml.dump(tables(facts), out)
    return HEAD + out.getvalue()


def read(platform: str, plugins: Sequence[str], releases: Sequence[str]) -> list[Fact]:
    """Return what the wheels of add-ons tell beside those of TensorFlow; these are got one after another."""
    machine = PLATFORM_MACHINES[platform]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        places = {text: _unpacked(text, platform, Path(folder) / text) for text in plugins}
        addons = {text: Wheel(place, machine) for text, place in places.items() if place is not None}
        for release in releases:
            place = _unpacked(release, platform, Path(folder) / "tensorflow")
            if place is None:
                continue
            tensorflow = Wheel(place, machine)
            for text, own in addons.items():
                if tensorflow.files:
                    missing = first_missing(own, tensorflow)
                    (distribution, version), (plugin, its) = release.split("=="), text.split("==")
                    found.append(Fact(platform, distribution, version, plugin, its, missing[:60].strip()))
                    say(f"{release} {text} {platform}: {missing or 'loads'}")
            shutil.rmtree(place)
    return found


def _unpacked(requirement: str, platform: str, folder: Path) -> Path | None:
    """Return the folder with the libraries of a wheel, for the newest Python that has one; ``None`` where none has."""
    name, version = requirement.split("==")
    index = Index()
    of_release = [file for file in index.files(name) if file.version == str(Version(version))]
    covered = [(Version(minor), file) for file in of_release for its, minor, _ in file.coverage() if its == platform]
    if not covered:
        return None
    folder.mkdir(parents=True)
    path = index.download(max(covered, key=lambda entry: entry[0])[1], folder)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder, [each for each in archive.namelist() if BINARY.search(each)])
    path.unlink()
    return folder


def newer(known: Sequence[Fact], matrix: Matrix) -> Iterator[Job]:
    """Yield what is to be read: releases of add-ons that are newer than all in the facts, and minors of TensorFlow.

    Args:
        known: The facts that there are.
        matrix: Which releases there are.
    """
    for platform in sorted({fact.platform for fact in known}):
        own = sorted((f for f in known if f.platform == platform), key=lambda fact: key(fact.tensorflow))
        addons, new = dict.fromkeys(f"{f.plugin}=={f.version}" for f in own), []
        for plugin in sorted({fact.plugin for fact in own}):
            last = max((f.version for f in own if f.plugin == plugin), key=key)
            its = (r for r in matrix.wheels.releases(plugin) if r.fits(platform, "") and key(r.version) > key(last))
            new += [f"{plugin}=={release.version}" for release in its if not is_prerelease(release.version)]
        if new:
            yield Job(platform, new, list(dict.fromkeys(f"{f.distribution}=={f.tensorflow}" for f in own)))
        name = own[-1].distribution
        minors = {minor(v): v for v in matrix.versions(name, PYPI, platform) if not is_prerelease(v)}
        later = [f"{name}=={v}" for its, v in minors.items() if key(its) > key(minor(own[-1].tensorflow))]
        if later:
            yield Job(platform, [*addons, *new], later)


def update(jobs: Iterable[Job]) -> None:
    """Read wheels, add what they tell to the facts, and write the table."""
    facts = {fact[:5]: fact for fact in read_facts()}
    for job in jobs:
        facts.update((fact[:5], fact) for fact in read(*job))
    write_facts(facts.values())
    TABLE.write_text(text_of(list(facts.values())), encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Read wheels where that is asked for, and write the table."""
    parser = argparse.ArgumentParser(prog="tools.pairs", description="Which add-on loads beside which TensorFlow.")
    parser.add_argument("--read", nargs="+", default=[], metavar="ADDON==VERSION", help="read these wheels of add-ons")
    parser.add_argument("--platform", choices=sorted(NAMES), help="for this platform")
    parser.add_argument("--beside", nargs="+", default=[], metavar="TENSORFLOW==VERSION", help="default: all known")
    parser.add_argument("--new", action="store_true", help="read releases of known add-ons that the facts lack")
    args = parser.parse_args(argv)
    if bool(args.read) != bool(args.platform):
        parser.error("--read and --platform go together")
    known = read_facts()
    beside = args.beside or dict.fromkeys(
        f"{f.distribution}=={f.tensorflow}" for f in known if f.platform == args.platform
    )
    jobs = [Job(args.platform, args.read, list(beside))] if args.read else []
    update([*jobs, *(newer(known, load_matrix()) if args.new else ())])
    return 0


if __name__ == "__main__":
    sys.exit(main())
