"""Which TensorFlow an environment has: one answer, whoever installed it and under whatever name."""

from __future__ import annotations

from .. import versions
from .._typing import TYPE_CHECKING, Any, NamedTuple
from .facts import CONDA, PIP, Environment, Package
from .stack import CONDA_PARTS as CONDA_PARTS
from .stack import OWNERS as OWNERS
from .stack import VENDORS as VENDORS

if TYPE_CHECKING:
    from collections.abc import Iterable


class Installed(NamedTuple):
    """The TensorFlow of an environment.

    Attributes:
        name: The distribution or package that the user knows it by.
        version: Empty where unknown.
        build: Conda build string, or a wheel tag; empty for pip's.
        channel: ``pypi``, ``conda-forge``, ``defaults`` …; empty where unknown.
        manager: ``conda``, ``pip`` or empty.
        package: The package it was read from.
        requested: Whether it is only asked for, not installed.
    """

    name: str
    version: str
    build: str
    channel: str
    manager: str
    package: Package
    requested: bool = False

    @property
    def label(self) -> str:
        """Name and version, for people."""
        return f"{self.name} {self.version}".strip()

    @property
    def minor(self) -> str:
        """``2.10`` of ``2.10.1``; empty where unknown."""
        return versions.minor(self.version)

    def to_json(self) -> dict[str, Any]:
        """Return the ``tensorflow`` object of the JSON contract."""
        return {
            "name": self.name,
            "version": self.version or None,
            "build": self.build or None,
            "channel": self.channel or None,
            "manager": self.manager or None,
        }


def _installed(package: Package, requested: bool = False) -> Installed:
    channel = package.channel or ("pypi" if package.manager == PIP else "")
    return Installed(package.name, package.version, package.build, channel, package.manager, package, requested)


def owners(env: Environment) -> list[Package]:
    """Return every installed package that owns the import package ``tensorflow``, the most telling first."""
    return [package for name in OWNERS for package in env.all_named(name)]


def of_one_version(packages: Iterable[Package]) -> bool:
    """Tell whether packages have one version, as far as it is known."""
    return len({versions.key(package.version) for package in packages if package.version}) < 2


def find_tensorflow(env: Environment) -> Installed | None:
    """Return the TensorFlow that ``import tensorflow`` would find, or the one that was asked for.

    pip's comes before conda's: it is written over conda's files. A package that is only asked for counts where none
    is installed.
    """
    owned = owners(env)
    for manager in (PIP, "", CONDA):
        of_manager = [package for package in owned if package.manager == manager]
        if of_manager:
            # A stub (`tensorflow` 2.11 on Windows) and its owner have one version; else the first name counts.
            return _installed(next((p for p in of_manager if p.version), of_manager[0]))
    for name in CONDA_PARTS:
        package = env.package(name)
        if package:
            return _installed(package)
    chosen = selector(env)
    if chosen is not None:
        # A list cut short: the selector of defaults comes with TensorFlow only, and its build names the variant.
        return Installed("tensorflow", "", chosen.build, chosen.channel, CONDA, chosen)
    asked = [p for name in (*OWNERS, *CONDA_PARTS) for p in env.requested if p.name == name]
    if asked:
        return _installed(next((p for p in asked if p.version), asked[0]), requested=True)
    return None


def selector(env: Environment) -> Package | None:
    """Return the record of defaults' ``_tflow_select``, whose build names the variant (``gpu``, ``mkl``, ``eigen``)."""
    return next(iter(env.beginning("_tflow")), None)


def conda_build(env: Environment) -> Package | None:
    """Return the conda package whose build string tells the variant of conda's TensorFlow."""
    for name in ("tensorflow-base", "tensorflow", "libtensorflow", "tensorflow-gpu"):
        package = env.conda(name)
        if package and package.build:
            return package
    return None
