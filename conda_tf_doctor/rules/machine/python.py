"""TFD201: is there a build of this TensorFlow for this Python?"""

from __future__ import annotations

from itertools import pairwise

from ... import versions
from ..._light import re
from ..._typing import TYPE_CHECKING
from ...advice import advise
from ...context.context import Context
from ...environment.facts import CONDA
from ...environment.tensorflow import conda_build
from ...findings import CERTAIN, ERROR, LIKELY, Finding, open_question
from .platform import asks_channels, is_32bit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...environment.facts import Package


def span(minors: list[str]) -> str:
    """Return ``>=3.7,<3.11`` for 3.7 to 3.10, or the minors themselves where there are gaps."""
    ordered = sorted(set(minors), key=versions.key)
    pairs = [versions.release(minor)[:2] for minor in ordered]
    whole = all(a[0] == b[0] and a[1] + 1 == b[1] for a, b in pairwise(pairs))
    if whole and pairs:
        return f">={ordered[0]},<{pairs[-1][0]}.{pairs[-1][1] + 1}"
    return "|".join(f"{minor}.*" for minor in ordered)


def _record_says(context: Context, package: Package) -> str | None:
    """Return the Python range of conda's own record of this TensorFlow, or ``None`` where it has none."""
    record = conda_build(context.env) or package
    for text in record.depends:
        spec = versions.parse_matchspec(text)
        # ``python >=3.7`` promises nothing about the Pythons that came later.
        closed = any(sign in spec.version for sign in ("<", ".*", "==")) or spec.version[:1].isdigit()
        if spec.name in ("python", "python_abi") and (closed or spec.version.startswith("=")):
            return spec.version
    tagged = re.search(r"py(\d)(\d+)", record.build)
    return f"{tagged.group(1)}.{tagged.group(2)}.*" if tagged else None


def python_unsupported(context: Context) -> Iterator[Finding]:
    """TFD201: no build of this TensorFlow exists for this Python version."""
    tensorflow, env = context.tensorflow, context.env
    python = env.python
    if tensorflow is None or not python.minor or is_32bit(context):
        return
    source = tensorflow.package.source
    # Where the channel that a file names has none, conda takes another that counts.
    known = context.builds or (context.to_be_had if env.is_request and tensorflow.manager == CONDA else [])
    if tensorflow.manager == CONDA and not tensorflow.requested:
        wanted = _record_says(context, tensorflow.package)
        if wanted is None or versions.conda_contains(wanted, python.version):
            # What the record itself demands is met, or it demands nothing: pure Python, or a cut list.
            if wanted is not None or not known:
                return
        else:
            minors = sorted({m for row in context.builds for m in row.python}, key=versions.key)
            yield _finding(context, wanted, source, minors)
            return
    if not tensorflow.version:
        yield from _no_version_at_all(context)
        return
    rows = [row for row in known if row.platform in (env.platform, "noarch") and row.python]
    if not tensorflow.manager:
        for channel in ("conda-forge", "defaults"):
            rows += context.matrix.builds(
                distribution="tensorflow", version=tensorflow.version, channel=channel, platform=env.platform
            )
    minors = [minor for row in rows for minor in row.python]
    if minors and python.minor not in minors and not _built_for(tensorflow.package, python.version):
        yield _finding(context, span(minors), rows[0].id, sorted(set(minors), key=versions.key))


def _built_for(package: Package, python: str) -> bool:
    """Tell whether a wheel says of itself that it was built for this Python, whoever built it."""
    specs = map(versions.parse_matchspec, package.constrains)
    return any(spec.name == "python" and versions.conda_contains(spec.version, python) for spec in specs)


def _no_version_at_all(context: Context) -> Iterator[Finding]:
    """A request without a version: is there any release for this Python?"""
    tensorflow, env = context.tensorflow, context.env
    if tensorflow is None or (env.kind in ("report", "prefix") and not tensorflow.requested):
        return
    channels = (context.channel,) if tensorflow.manager else ("pypi", "conda-forge", "defaults")
    contains = versions.conda_contains if tensorflow.manager == CONDA else versions.contains
    minors: set[str] = set()
    for channel in channels:
        for row in context.matrix.builds(distribution=tensorflow.name, channel=channel, platform=env.platform):
            # pip takes no pre-release that nobody named, and conda's channels have none.
            named = not row.prerelease or versions.is_prerelease(tensorflow.package.spec)
            if named and contains(tensorflow.package.spec, row.tensorflow):
                minors.update(row.python)
    if minors and env.python.minor not in minors:
        ordered = sorted(minors, key=versions.key)
        yield _finding(context, span(ordered), f"every release of {tensorflow.name} for {env.platform}", ordered)


def _finding(context: Context, expected: str, source: str, minors: list[str]) -> Finding:
    tensorflow, env = context.tensorflow, context.env
    assert tensorflow is not None
    what = tensorflow.label + (", the newest that the file admits," if tensorflow.package.picked_from else "")
    asks = asks_channels(context)
    evidence = (*env.python.where, *tensorflow.package.where)
    return Finding(
        "TFD201",
        ERROR,
        f"{what} has no build for Python {env.python.minor} on {env.platform or 'this platform'}.",
        found=env.python.version,
        expected=expected,
        evidence=evidence,
        source=source,
        package="python",
        confidence=LIKELY if asks else CERTAIN,
        needs=asks,
        fix=advise("TFD201", context, {"minors": " ".join(minors), "expected": expected}),
    )


def open_python(context: Context) -> Iterator[Finding]:
    """Ask for Python's version, TFD201."""
    env, build = context.env, context.build
    if not env.python.version and not env.package("python"):
        known = {minor for row in context.builds if row.platform == env.platform for minor in row.python}
        minors = sorted(known, key=versions.key)
        yield open_question(
            "TFD201", f"The report does not say which Python runs {context.label}.",
            ", ".join(minors), "Python's version: `python -V`", build.id if build else "", "python",
        )  # fmt: skip


def open_request(context: Context) -> Iterator[Finding]:
    """Ask what pip ran with where a build of what was asked for seems to exist, TFD103 and TFD201."""
    tensorflow, build = context.tensorflow, context.build
    if tensorflow and tensorflow.requested and (tensorflow.manager != CONDA or not tensorflow.version):
        for code in ("TFD201", "TFD103"):
            yield open_question(
                code, f"{context.label} was asked for, and a build for this Python and platform seems to exist.", "",
                "which Python and platform pip itself runs with: `python -m pip debug --verbose`",
                build.id if build else "", "python",
            )  # fmt: skip
