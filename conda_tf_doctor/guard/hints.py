"""One plain sentence for a request for TensorFlow or CUDA that cannot be met: what does exist."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .. import versions
from ..environment.channels import channel_name
from ..environment.gpu import CONDA_CUDA, LAST_TOOLKIT, conda_cuda
from ..environment.solve import read_before
from ..environment.tensorflow import OWNERS
from ..matrix.load import load_matrix
from ..matrix.model import CHANNELS
from ..modes import DISABLED
from ..names import normalise
from . import transaction
from .calls import packages, request
from .settings import read_settings

if TYPE_CHECKING:
    from ..matrix.matrix import Matrix

_TENSORFLOW = (*OWNERS, "tensorflow-base")
_CUDA = (*CONDA_CUDA, "cudnn")
_CODE = "tf_doctor_versions"


def _specs(error: Any) -> tuple[list[versions.MatchSpec], list[versions.MatchSpec]]:
    """Return the specs that the error is about, and everything that was asked for."""
    missing = [str(package) for package in getattr(error, "packages", ()) or ()]
    asked = packages() + transaction.conda_section()

    def parsed(texts: Iterable[str]) -> list[versions.MatchSpec]:
        specs = (versions.parse_matchspec(text) for text in dict.fromkeys(texts))
        return [spec._replace(name=normalise(spec.name), version=_as_conda_takes_it(spec)) for spec in specs]

    return parsed(missing or asked), parsed(asked)


def _as_conda_takes_it(spec: versions.MatchSpec) -> str:
    """Return a version as it counts: between a name and a build (``tensorflow=2.19=cuda*``) it is exact."""
    return f"=={spec.version}" if spec.build and re.fullmatch(r"[\d.]+", spec.version) else spec.version


def _python(specs: Iterable[versions.MatchSpec]) -> str:
    """Return the minor of Python that was asked for, or that the environment has."""
    for spec in specs:
        matched = re.search(r"(?<!\d)\d+\.\d+", spec.version) if spec.name == "python" else None
        if matched:
            return matched.group()
    from conda.base.context import context

    prefix = request().prefix
    return read_before(prefix, str(context.subdir)).python.minor if prefix else ""


def _channels() -> list[str]:
    from conda.base.context import context

    named = [channel_name(str(channel)) for channel in context.channels]
    return [channel for channel in CHANNELS if channel in named]


def _span(found: list[str]) -> str:
    shown = [version for version in found if not versions.is_prerelease(version)] or found
    if len(shown) <= 4:
        return ", ".join(shown)
    return f"{shown[0]} to {shown[-1]}"


def _admits(spec: str, version: str) -> bool:
    # `conda install tensorflow=2.10` on a command line, `tensorflow 2.10` nowhere but in records
    return versions.conda_contains(f"={spec}" if spec[:1].isdigit() else spec, version)


def _indexes(error: BaseException | None) -> Iterator[Any]:
    """Yield what the failed solve has loaded of the channels: each kind of solver has an object that can be asked.

    Libmamba's and rattler's solvers hold it in the frames that the error has come through; the classic one caches it.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        traceback = error.__traceback__
        while traceback is not None:
            index: Any = traceback.tb_frame.f_locals.get("index")
            if hasattr(index, "search") and id(index) not in seen:
                seen.add(id(index))
                yield index.search
            traceback = traceback.tb_next
        error = error.__cause__ or error.__context__
    from conda.core.subdir_data import SubdirData

    for data in list(getattr(SubdirData, "_cache_", {}).values()):
        if getattr(data, "_loaded", False):
            yield data.query


def _is_for(record: Any, python: str) -> bool:
    """Tell whether a build is for a minor of Python; the last of its patches is tried."""
    specs = [versions.parse_matchspec(text) for text in record.depends] if python else []
    return all(versions.conda_contains(spec.version, f"{python}.99") for spec in specs if spec.name == "python")


def _loaded(error: Any, name: str) -> dict[str, dict[str, list[Any]]]:
    """Return the builds of a package that the failed solve knows of, by channel and version, oldest first."""
    found: dict[str, dict[str, list[Any]]] = {}
    for search in _indexes(error):
        try:
            records = list(search(name))
        except Exception:
            continue  # the matrix has to do
        for record in records:
            channel = channel_name(str(record.channel.canonical_name), str(record.subdir))
            found.setdefault(channel, {}).setdefault(str(record.version), []).append(record)
    # By name: a solver that keeps its records in a set gives them in another order each time.
    return {
        channel: {v: sorted(each[v], key=lambda record: str(record.build)) for v in sorted(each, key=versions.key)}
        for channel, each in sorted(found.items())
    }


def _near(spec: versions.MatchSpec, where: str, loaded: dict[str, dict[str, list[Any]]]) -> str:
    """Return what the channels have beside an exact version, or a build, that none of them has; empty for none."""
    exact = spec.version.removeprefix("==")
    asked = f"{spec.name} {exact}".strip()
    for channel, there in loaded.items():
        admitted = [r for version, records in there.items() if _admits(spec.version, version) for r in records]
        if spec.build and admitted and not any(versions.glob_match(spec.build, r.build) for r in admitted):
            kinds = dict.fromkeys(re.sub(r"_?(?:py\d|h[0-9a-f]{7}).*", "*", record.build) for record in admitted)
            return f"Of {asked}, for {where}, {channel} has the builds {', '.join(kinds)}, none of them {spec.build}."
        series = [version for version in there if exact != spec.version and _admits(exact, version)]
        if not admitted and series:
            build = f".*={spec.build}" if spec.build else ""
            return (
                f"There is no {asked} itself for {where}, but {channel} has {_span(series)}: "
                f"ask for {spec.name}={exact}{build}."
            )
    return ""


def _in_the_way(asked: str, where: str, holding: list[str], alone: bool) -> str:
    """Return why a request fails for what does exist."""
    channels = [label for label in holding if label != "pip"]
    if not channels:
        name, _, version = asked.partition(" ")
        pip = f"python -m pip install {name}" + (f"=={version}.*" if re.fullmatch(r"[\d.]+", version) else "")
        return f"No channel of yours is known to have {asked} for {where}; pip has it: `{pip}`."
    exists = f"{asked} does exist for {where} ({', '.join(holding)})"
    if alone:
        return f"{exists}: what is installed, a pin, or this machine (`conda info`: __cuda, __glibc) stands in its way."
    return f"{exists}, so something else that was asked for stands in its way."


def _sentence(
    matrix: Matrix,
    spec: versions.MatchSpec,
    platform: str,
    python: str,
    channels: Iterable[str],
    loaded: dict[str, dict[str, list[Any]]],
    alone: bool,
    missing: bool,
) -> str:
    """Return which versions of a TensorFlow there are, in the user's channels and on the index."""
    name, wanted = spec.name, spec.version.strip("= ")
    asked = f"{name} {wanted}".strip()
    where = f"Python {python} on {platform}" if python else platform
    near = _near(spec, where, loaded)
    if near:
        return near
    there, holding = [], []
    for channel in dict.fromkeys((*channels, *loaded, "pypi")):
        label = "pip" if channel == "pypi" else channel
        builds = loaded.get(channel, {})
        if builds:
            found = [v for v, records in builds.items() if any(_is_for(record, python) for record in records)]
            others = "" if found else f"{label} has {_span(list(builds))}, none of them for that"
        else:
            found, others = matrix.versions(name, channel, platform, python), f"none is known of {label}"
            if missing and label != "pip":
                found = [version for version in found if not _admits(spec.version, version)]  # conda has looked
        there.append(f"{label} has {_span(found)}" if found else others)
        if any(_admits(spec.version, version) for version in found):
            holding.append(label)
    if holding and (wanted or not python):
        return _in_the_way(asked, where, holding, alone)
    text = f"Of {name}, for {where}, {' and '.join(there)}."
    if wanted:
        releases = [v for v in matrix.versions(name, "", platform) if _admits(spec.version, v)]
        rows = [row for version in releases[-3:] for row in matrix.builds(name, version, platform=platform)]
        minors = sorted({minor for row in rows for minor in row.python}, key=versions.key)
        if python in minors:
            having = sorted({row.channel for row in rows if python in row.python} - {*channels, *loaded, "pypi"})
            text += f" {' and '.join(having)} {'have' if having[1:] else 'has'} {asked}." if having else ""
        elif minors:
            text += f" {asked} is for Python {minors[0]} to {minors[-1]}."
        elif not releases:
            elsewhere = any(_admits(spec.version, v) for v in matrix.versions(name, "", ""))
            text += f" No {asked} is known for {platform}." if elsewhere else f" No {asked} is known."
    return text


def _cuda_sentence(matrix: Matrix, specs: list[versions.MatchSpec], platform: str) -> str:
    """Return which TensorFlow goes with the CUDA that was asked for."""
    wanted = next((spec for spec in specs if spec.name in _CUDA and spec.version), None)
    if wanted is None or wanted.name == "cudnn":
        return ""
    version = wanted.version.strip("=~<>!* ").rstrip(".*")
    if wanted.name == "cudatoolkit" and wanted.name != conda_cuda(version):
        return f"{LAST_TOOLKIT} (cuda-version={version}); TensorFlow's builds ask for what they need of them."
    rows = [row for row in matrix.builds(platform=platform) if row.cuda and row.kind == "build"]
    fitting = sorted({row.tensorflow for row in rows if versions.contains(row.cuda, version)}, key=versions.key)
    if not fitting:
        known = sorted({row.cuda_built for row in rows if row.cuda_built}, key=versions.key)
        return f"No TensorFlow for {platform} is built for CUDA {version}; there are builds for {_span(known)}."
    return f"TensorFlow {_span(fitting)} goes with CUDA {version} on {platform}."


def hints(error: Any) -> list[Any]:
    """Return hints on an error that concerns TensorFlow; none for any other.

    Args:
        error: The error that conda is about to print.
    """
    from conda.exceptions import PackagesNotFoundError, ResolvePackageNotFound, UnsatisfiableError

    if not isinstance(error, (UnsatisfiableError, PackagesNotFoundError, ResolvePackageNotFound)):
        return []
    about, asked = _specs(error)
    tensorflow = next((spec for spec in about if spec.name in _TENSORFLOW), None)
    if tensorflow is None and not any(spec.name in _CUDA for spec in about):
        return []
    from conda.base.context import context
    from conda.plugins.types import CondaErrorHint

    settings = read_settings()
    if settings.mode == DISABLED:
        return []
    missing = isinstance(error, PackagesNotFoundError)
    matrix, platform = load_matrix(settings.matrix), str(context.subdir)
    if tensorflow is not None:
        loaded = _loaded(error, tensorflow.name)
        text = _sentence(matrix, tensorflow, platform, _python(asked), _channels(), loaded, len(asked) <= 1, missing)
    else:
        text = _cuda_sentence(matrix, about, platform)
    return [CondaErrorHint(text=text, hint_code=_CODE)] if text else []
