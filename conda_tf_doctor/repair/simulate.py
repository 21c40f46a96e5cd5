"""The facts as they will be: a copy of an environment with a plan carried out on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..context.context import Context
from ..environment.facts import CONDA, PIP, Environment, Package
from ..environment.tensorflow import CONDA_PARTS, OWNERS, find_tensorflow
from ..names import normalise
from ..versions import parse_matchspec
from .candidates import derived

if TYPE_CHECKING:
    from ..matrix.matrix import Matrix
    from ..matrix.model import Build
    from .plan import Edit, Edits

# TensorFlow's parts in conda: they always have TensorFlow's own version.
PARTS = (*OWNERS, *CONDA_PARTS, "tensorflow-estimator", "libtensorflow", "libtensorflow-framework", "tensorflow-eigen")


def simulate(env: Environment, edits: Edits, matrix: Matrix) -> Environment:
    """Return a copy of an environment as a plan leaves it.

    What only the files on disk tell is left out: they are not yet what the plan makes of them.

    Args:
        env: The environment now.
        edits: The plan.
        matrix: Tells the build strings of conda's TensorFlow.
    """
    after = env.having(list(env.packages))
    after.requested = list(env.requested)
    after.overwritten = set(env.overwritten)
    after.notes = []
    if env.kind == "prefix":
        after.prefix, after.binaries, after.interrupted = "", [], ""
    for edit in edits.values():
        _carry_out(after, edit, matrix, env)
    return after


def _carry_out(env: Environment, edit: Edit, matrix: Matrix, before: Environment) -> None:
    if not edit.bare or edit.specs:
        _replace(env, edit.manager, edit.name, edit.version, edit.removes, matrix, before)
    if edit.bare:
        env.put([p.without_extras() if _is(p, edit.manager, edit.name) else p for p in env.packages])
    env.overwritten.discard(edit.name)
    for name in edit.follows:
        _replace(env, edit.manager, name, edit.version, edit.removes, matrix, before)
        env.overwritten.discard(name)
    for text in edit.also:
        spec = parse_matchspec(text)
        _replace(env, CONDA, normalise(spec.name), derived(CONDA, (spec.version,)), False, matrix, before)
    if edit.name == "python" and edit.version:
        env.python = env.python._replace(version=edit.version)


def _is(package: Package, manager: str, name: str) -> bool:
    return package.name == name and (package.manager == PIP) == (manager == PIP)


def _replace(
    env: Environment, manager: str, name: str, version: str, removes: bool, matrix: Matrix, before: Environment
) -> None:
    new = None
    kept = []
    for package in env.packages:
        if not _is(package, manager, name):
            kept.append(package)
        elif version and package.version == version:
            new = package
    requested = next((p for p in env.requested if _is(p, manager, name)), None)
    if version:
        new = new or _package(env, manager, name, version, matrix, before)
        if requested is not None and not any(_is(p, manager, name) for p in env.packages):
            env.requested = [new if p is requested else p for p in env.requested]
        else:
            kept.append(new)
    elif removes:
        env.requested = [p for p in env.requested if not _is(p, manager, name)]
    env.put(kept)


def _package(env: Environment, manager: str, name: str, version: str, matrix: Matrix, before: Environment) -> Package:
    old = before.pip(name) if manager == PIP else before.conda(name)
    channel = "pypi" if manager == PIP else (old.channel if old else "")
    build = ""
    metadata: dict[str, Any] = {}
    if before.kind == "file" and old is not None:
        metadata = {key: old.metadata[key] for key in ("channels", "strict", "extras") if key in old.metadata}
    if manager != PIP:
        found = find_tensorflow(before)
        if name in PARTS and found is not None and (found.manager != PIP):
            channel = channel or found.channel
            row = conda_row(before, env.python.minor, version, channel, matrix)
            # A file that names no build leaves the choice to the solver.
            if row is not None and (before.kind != "file" or old is None or old.build):
                build, metadata = build_string(row, env.python.minor), {**metadata, "depends": promises(row)}
        elif old is not None and "py" in old.build and before.python.minor == env.python.minor:
            build = old.build
    source = old.source if old else ""
    return Package(name, version, manager or CONDA, build, channel, source, metadata)


def conda_row(env: Environment, python: str, version: str, channel: str, matrix: Matrix) -> Build | None:
    """Return the matrix row that conda would most likely take: of the same variant, for this Python."""
    context = Context(env, matrix)
    rows = [
        row
        for row in matrix.builds(distribution="tensorflow", version=version, channel=channel, platform=env.platform)
        if row.kind == "build" and row.channel != "pypi"
    ]
    now = context.build
    build = context.tensorflow.build if context.tensorflow else ""
    variant = now.variant if now else "gpu" if ("cuda" in build or "gpu" in build) else "cpu" if build else ""
    name = now.variant_name if now else ""
    rows.sort(
        key=lambda row: (
            bool(python) and python in row.python,
            row.variant == variant,
            row.variant_name == name,
            row.build_number,
        )
    )
    return rows[-1] if rows else None


def build_string(row: Build, python: str) -> str:
    """Return a build string such as those that the row's glob admits (``cuda112py310h0000000_0``)."""
    glob = row.build.split("|")[0]
    text = glob.replace("py*", f"py{python.replace('.', '')}", 1)
    return text.replace("*", f"h{row.hashes[0].lstrip('h') if row.hashes else '0000000'}")


def promises(row: Build) -> list[str]:
    """Return what the row says its record depends on, as MatchSpecs."""
    specs = [pin for pin in (row.cuda_pin, row.cudnn_pin) if pin]
    return specs + [f"{name} {spec.replace('==', '')}".strip() for name, spec in row.requires.items()]
