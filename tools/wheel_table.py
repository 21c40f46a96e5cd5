"""Writes ``matrix/data/wheels.yaml``: which releases of TensorFlow's neighbours can be installed where.

Only final releases that nobody withdrew are in it. TensorFlow's own distributions are in the files of its releases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

from packaging.version import Version
from ruamel.yaml import YAML

from conda_tf_doctor.environment.tensorflow import OWNERS
from conda_tf_doctor.matrix.compiled import DATA
from conda_tf_doctor.matrix.matrix import Matrix
from conda_tf_doctor.matrix.model import PYPI
from tools.package_index import PLATFORMS, File, Index
from tools.release_file import span

HEAD = """\
# Which releases of TensorFlow's neighbours the package index has, for which platforms and Pythons.
#
# Written by refresh-matrix, which reads the names of all files; put nothing here by hand. Each entry: releases that
# agree, oldest first, and the Pythons of each platform (`any`: one wheel for all platforms). "3.9-3.12" are the minors
# there are wheels for, ">=3.9" is a range, and | joins alternatives. `source`: there is no wheel, and it is built
# without a compiler. Pre-releases, what was withdrawn, PyPy, musl and Pythons without the GIL are left out.
"""

# Asked about often, and declared or tabled nowhere.
OTHERS = (
    "cryptography", "jax", "jaxlib", "matplotlib", "mediapipe-model-maker", "msvc-runtime", "namex",
    "nvidia-cuda-nvrtc-cu11", "optree", "pandas", "scann", "scikit-learn", "scipy",
    "tensorflow-datasets", "tensorflow-decision-forests", "tensorflow-io-gcs-filesystem",
    "tensorflow-model-optimization", "tensorflow-recommenders", "tensorrt", "tflite-model-maker",
)  # fmt: skip
# Their compiled part is optional: where there is no compiler, they are built without it.
WITHOUT_COMPILER = ("wrapt",)
Coverage = dict[str, str]


def neighbours(matrix: Matrix) -> set[str]:
    """Return the packages that the table is for: all that a wheel requires or that a table of what works names."""
    names = {*OTHERS, *matrix.table("works"), *matrix.table("works_plugins"), *matrix.table("works_symbols")}
    for build in matrix.builds(channel=PYPI):
        names.update(build.requires, build.requires_if, (re.split("[<>=!~]", pin)[0] for pin in build.nvidia))
    return {name for name in names if not matrix.versions(name) and name not in OWNERS}


def coverage(files: Iterable[File]) -> Coverage:
    """Return the Pythons of each platform for the files of one release: ``{"win-64": "3.9-3.12"}``."""
    exact: dict[str, set[str]] = {}
    ranges: dict[str, list[tuple[Version, str]]] = {}
    source = ""
    for file in files:
        if not file.tags:
            source = file.requires_python or ">=2.7"
        everywhere = {platform for platform, _, _ in file.coverage()} == set(PLATFORMS)
        for platform, minor, later in file.coverage():
            where = "any" if everywhere else platform
            if later:
                lower = Version(minor)
                ranges.setdefault(where, []).append((lower, _range(lower, file.requires_python)))
            elif Version(minor) >= Version("2.7") and file.admits(minor):
                exact.setdefault(where, set()).add(minor)
    found: Coverage = {}
    for where in ("any", *PLATFORMS):
        lowest = min(ranges.get(where, ()), default=None)
        single = sorted((m for m in exact.get(where, ()) if not lowest or Version(m) < lowest[0]), key=Version)
        parts = ([span(single)] if single else []) + ([lowest[1]] if lowest else [])
        if parts:
            found[where] = " | ".join(parts)
    # What is built for one platform beside a wheel for all is only faster there.
    return {"any": found["any"]} if "any" in found else found or ({"source": source} if source else {})


def _range(lower: Version, requires_python: str) -> str:
    """Return a range of Pythons that holds what a tag and ``requires_python`` say."""
    terms = [term.strip() for term in requires_python.split(",") if term.strip()]
    higher = [term for term in terms if not term.startswith(">=") or Version(term[2:].strip(" .*")) > lower]
    if not any(term.startswith((">=", "==", "~=")) for term in higher):
        higher.insert(0, f">={max(lower, Version('2.7'))}")
    return ",".join(higher)


def entries(files: Iterable[File], optional: bool = False) -> list[dict[str, str]]:
    """Return what the table says of a package: releases that agree in one entry, oldest first.

    Args:
        files: All files of the package.
        optional: Whether its compiled part is, so that a release without wheels is of use.
    """
    of_release: dict[Version, list[File]] = {}
    for file in files:
        version = Version(file.version)
        if not (file.yanked or version.is_prerelease):
            of_release.setdefault(version, []).append(file)
    made: list[dict[str, str]] = []
    releases = {version: coverage(of_release[version]) for version in sorted(of_release)}
    compiled = any(set(found) - {"any", "source"} for found in releases.values())
    for version, found in releases.items():
        if compiled and "source" in found and not optional:
            continue  # it takes a compiler, which hardly anybody has
        by_text: dict[str, list[str]] = {}
        for where, text in found.items():
            by_text.setdefault(text, []).append(where)
        merged = {" ".join(names): text for text, names in by_text.items()}
        if made and merged == {name: text for name, text in made[-1].items() if name != "versions"}:
            made[-1]["versions"] += f" {version}"
        elif merged:
            made.append({"versions": str(version), **merged})
    return made


def text(index: Index, packages: Iterable[str]) -> str:
    """Return the table's text for packages, as the index has them today.

    Raises:
        UsageError: The index cannot be asked.
    """
    names = sorted(set(packages))
    with ThreadPoolExecutor(4) as pool:
        files = dict(zip(names, pool.map(index.files, names), strict=True))
    found = {name: entries(its, name in WITHOUT_COMPILER) for name, its in files.items()}
    yaml = YAML()
    yaml.width = 110
    yaml.indent(mapping=2, sequence=2, offset=0)
    stream = StringIO()
    header: dict[str, Any] = {"schema_version": 1, "kind": "tables", "cut_off": date.today().isoformat()}
    yaml.dump({**header, "tables": {name: made for name, made in found.items() if made}}, stream)
    return HEAD + stream.getvalue()


def write(index: Index, matrix: Matrix) -> None:
    """Write the table anew.

    Raises:
        UsageError: The index cannot be asked.
    """
    Path(DATA, "wheels.yaml").write_text(text(index, neighbours(matrix)), encoding="utf-8")
    print("wrote wheels.yaml")
