"""The environment as a planned transaction leaves it: what is there, minus what goes, plus what comes.

Conda's records know nothing of pip, and pip's TensorFlow is what most transactions break, so both are joined here. A
record may be conda's own object or anything else with its attributes; conda is not imported.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ..names import normalise
from ..subdirs import PLATFORM_MACHINES, this_platform
from .channels import channel_name
from .condameta import CUDA, read_records
from .distinfo import read_pip
from .facts import CONDA, PIP, Environment, Package, Python
from .site import find_site_packages
from .stack import STACK

if TYPE_CHECKING:
    from .files.requirements import Line

PLANNED = "the planned transaction"


class Plan(NamedTuple):
    """A transaction before it happens.

    Attributes:
        prefix: The environment's folder; need not exist yet.
        platform: Conda subdir that is solved for.
        unlink: Records that go.
        link: Records that come.
        pip: Requirements that pip is to install afterwards (the ``pip:`` section of an environment file), as written.
        virtual_packages: As conda sees them (``{"__cuda": "11.4"}``); ``None`` to look for them here.
        asked: Names of what the user asked for; ``None`` where that is a state, and no packages.
    """

    prefix: str
    platform: str
    unlink: tuple[Any, ...]
    link: tuple[Any, ...]
    pip: tuple[Line, ...] = ()
    virtual_packages: dict[str, str] | None = None
    asked: frozenset[str] | None = None

    @property
    def changed(self) -> frozenset[str]:
        """Normalised names of what is not the same before and after."""
        before = {(r.name, str(r.version), r.build) for r in self.unlink}
        after = {(r.name, str(r.version), r.build) for r in self.link}
        names = {normalise(name) for name, _, _ in before ^ after}
        return frozenset(names | {name for name, _ in _understood(self.pip)})

    @property
    def key(self) -> tuple[str, frozenset[tuple[str, str, str, str]]]:
        """What tells this transaction from any other."""
        records = [("-", r) for r in self.unlink] + [("+", r) for r in self.link]
        return os.path.normcase(self.prefix), frozenset((s, r.name, str(r.version), r.build) for s, r in records)


def package_of(record: Any) -> Package:
    """Return conda's record as a package of the facts."""
    channel = getattr(record, "channel", None)
    subdir = str(getattr(record, "subdir", "") or "")
    name = str(getattr(channel, "canonical_name", None) or channel or "")
    metadata = {
        "depends": tuple(getattr(record, "depends", ()) or ()),
        "constrains": tuple(getattr(record, "constrains", ()) or ()),
        "subdir": subdir,
        "channel": name,
    }
    known = "" if name.startswith("<") else channel_name(name, subdir)
    return Package(record.name, str(record.version), CONDA, record.build or "", known, PLANNED, metadata)


def _understood(lines: Iterable[Line]) -> Iterator[tuple[str, Line]]:
    """Yield what pip is asked for, with the names, files that are named by ``-r`` and ``-c`` included.

    What cannot be read or parsed is left out: pip itself will say so.
    """
    if not lines:
        return
    from ..errors import UsageError
    from .files.requirements import expand
    from .files.specs import pip_package

    for written in lines:
        try:
            expanded = list(expand([written]))
        except UsageError:
            continue
        for line in expanded:
            try:
                parsed = pip_package(line.text, line.path, line.where)
            except UsageError:
                continue
            if parsed is not None:
                yield parsed[0].name, line


def read_before(prefix: str, platform: str) -> Environment:
    """Read what a prefix holds now; a prefix that does not exist holds nothing."""
    env = Environment("solve", prefix, platform)
    env.add(read_records(env, prefix))
    _set_python(env)
    if os.path.isdir(prefix):
        site_packages = find_site_packages(prefix, env.python.minor)
        if site_packages:
            env.add(list(read_pip(env, prefix, site_packages, STACK)))
    return env


def after(before: Environment, plan: Plan) -> Environment:
    """Return the environment as the transaction leaves it."""
    env = Environment("solve", before.path, before.platform)
    env.notes = before.notes
    gone = {normalise(record.name) for record in plan.unlink}
    # Not in the order of a solver that keeps its records in a set: what is told of them would change from run to run.
    coming = sorted(map(package_of, plan.link), key=lambda package: package.name)
    written = {package.name for package in coming}
    # Conda writes over what pip has put into the same place; what is left of pip's is its dist-info.
    env.overwritten = before.overwritten - gone - written
    for package in coming:
        earlier = before.conda(package.name) if package.name.startswith(CUDA) else None
        asked = plan.asked or ()
        # As conda will note it; whether the user once asked for it stays true of its next version.
        if earlier is not None and package.name not in asked:
            for field in ("requested_spec", "_requested_specs"):
                if field in earlier.metadata:
                    package.metadata[field] = earlier.metadata[field]
        elif plan.asked is not None:
            package.metadata["requested_spec"] = package.name if package.name in asked else "None"
    # With `pip_interop_enabled` what pip installed is a record, too, and conda removes it as one.
    gone_of_pip = {name for name in gone if before.conda(name) is None} | written
    kept = [p for p in before.packages if p.name not in (gone_of_pip if p.manager == PIP else gone | written)]
    env.add([*kept, *coming])
    _set_python(env)
    _add_requested(env, plan.pip)
    return env


def _set_python(env: Environment) -> None:
    record = env.conda("python")
    if record is None:
        return
    machine = PLATFORM_MACHINES.get(env.platform, "")
    if env.platform == "linux-aarch64":
        machine = "aarch64"
    env.python = Python(record.version, 32 if machine == "x86" else 64, machine, record.source)


def _add_requested(env: Environment, requirements: Iterable[Line]) -> None:
    lines = [line for _, line in _understood(requirements)]
    if not lines:
        return
    from ..versions import contains
    from .files.requirements import packages

    asked = packages(lines, env.platform, env.python.version)
    env.asked_of_pip = frozenset(wanted.name for wanted in asked)
    for wanted in asked:
        there = env.package(wanted.name)
        spec = wanted.spec or (f"=={wanted.version}" if wanted.version else "")
        if there is not None and there.version and contains(spec, there.version):
            continue  # pip leaves alone what satisfies it
        env.put([*(p for p in env.packages if p.name != wanted.name), wanted])
        # What pip adds by itself is not listed, so nothing is missing because it is absent.
        env.partial = True


def add_surroundings(env: Environment, virtual_packages: dict[str, str] | None) -> None:
    """Add the machine to an environment of this machine, and conda's virtual packages to any."""
    if env.platform == this_platform():
        from .machine import add_machine

        add_machine(env)
    if virtual_packages is not None:
        env.virtual_packages = dict(virtual_packages)
