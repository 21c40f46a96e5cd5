"""Which versions exist: what the configured channels say, else the matrix and a table of what conda has."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .. import versions
from ..environment.facts import CONDA, PIP, reader_of
from ..environment.tensorflow import CONDA_PARTS, OWNERS, find_tensorflow
from ..matrix.model import CHANNELS
from ..reading import load_yaml, read_text

if TYPE_CHECKING:
    from ..environment.facts import Environment
    from ..environment.tensorflow import Installed
    from ..matrix.matrix import Matrix

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "releases.yaml")

# Asks a channel for all versions of a conda package; ``None`` where it cannot be asked.
Search = Callable[[str], "list[str] | None"]


@lru_cache(maxsize=1)
def releases() -> dict[str, dict[str, Any]]:
    """Return the table of releases by package, every version as text."""
    return {name: entry for name, entry in load_yaml(read_text(DATA), DATA).items() if isinstance(entry, dict)}


def channel_of(tensorflow: Installed | None) -> str:
    """Return the conda channel whose releases may take the place of a TensorFlow; empty where those of any may."""
    if tensorflow is None or tensorflow.manager == PIP:
        return ""
    listed = tensorflow.package.metadata
    known = {name for name in listed.get("channels", ()) if name in CHANNELS}
    return "" if len(known) > 1 and not listed.get("strict") else tensorflow.channel


class Catalogue:
    """The versions that can be chosen from.

    Args:
        matrix: The compatibility matrix.
        platform: Conda subdir.
        channel: Conda channel of the environment's TensorFlow (``defaults`` has other versions than conda-forge).
        search: Asks the configured channels; left out where there is no conda or no network.
    """

    def __init__(self, matrix: Matrix, platform: str, channel: str = "", search: Search | None = None) -> None:
        self.matrix, self.platform, self.channel = matrix, platform, channel
        self._search = search
        self._found: dict[str, list[str] | None] = {}
        self._of_pip: dict[str, frozenset[str]] = {}
        self._listed: dict[tuple[str, str, str], list[str]] = {}

    def from_channels(self, spelled: str) -> list[str] | None:
        """Return every version that the configured channels have of a conda package; ``None`` where unknown."""
        if self._search is None:
            return None
        if spelled not in self._found:
            self._found[spelled] = self._search(spelled)
            if self._found[spelled] is None:
                self._search = None  # conda retries for long; once is enough to know that nobody answers
        return self._found[spelled]

    def learn(self, name: str, versions_of_index: Iterable[str]) -> bool:
        """Take over what pip says its index has of a package; tell whether that is new."""
        found = frozenset(versions_of_index)
        new = self._of_pip.get(name) != found
        self._of_pip[name] = found
        return new

    def versions(self, manager: str, name: str, spelled: str, python: str = "") -> list[str]:
        """Return what there is of a package, newest first, as far as is known.

        Args:
            manager: ``conda`` or ``pip``.
            name: Normalised name.
            spelled: As the manager spells it.
            python: The environment's Python version; leaves out what cannot be installed for it.
        """
        known = self._versions(manager, name, spelled, python)
        there = self._of_pip.get(name) if manager == PIP else None
        return known if there is None else [version for version in known if version in there]

    def _versions(self, manager: str, name: str, spelled: str, python: str) -> list[str]:
        if manager == CONDA:
            found = self.from_channels(spelled)
            if found is not None:
                return sorted(set(found), key=versions.key, reverse=True)
        if name in OWNERS or name in CONDA_PARTS:
            # A file may leave the channel open.
            channels = ("pypi",) if manager == PIP else (self.channel,) if self.channel else ("conda-forge", "defaults")
            known = {v for channel in channels for v in self.matrix.versions(name, channel, self.platform)}
            stable = [version for version in known if not versions.is_prerelease(version)]
            return sorted(stable, key=versions.key, reverse=True)
        if manager == CONDA:
            entry = releases().get(name, {})
            listed = (entry.get("defaults") if self.channel == "defaults" else None) or entry.get("conda") or []
            if listed:
                return sorted(listed, key=versions.key, reverse=True)
            # A conda build for each Python is what the solver looks for; what there are wheels of, for whatever
            # platform, is the best guess.
            return self._of_index(name, python, "")
        found = self._of_index(name, python, self.platform)
        # Where a plugin has none for this Python, the others show what would have to change.
        return found if found or not self.matrix.versions(name) else self._of_index(name, "", self.platform)

    def _of_index(self, name: str, python: str, platform: str) -> list[str]:
        """Return the last release of every minor that the index has, newest first."""
        found = self._listed.get((name, python, platform))
        if found is None:
            last: dict[str, str] = {}
            for version in self.matrix.wheels.installable(name, platform, python):
                last.setdefault(versions.minor(version), version)
            found = self._listed[name, python, platform] = list(last.values())
        return found

    def newest(self, name: str, specs: tuple[str, ...], python: str) -> str:
        """Return the newest release of the index that pip can install and that satisfies all specs; empty for none.

        Unlike :meth:`versions`, of each minor every release counts: a range may end within one.
        """
        there = self._of_pip.get(name)
        for version in self.matrix.wheels.installable(name, self.platform, python):
            if (there is None or version in there) and all(admits(PIP, spec, version) for spec in specs):
                return version
        return ""

    def fits_python(self, name: str, version: str, python: str) -> bool:
        """Tell whether pip can install that version for a Python, as far as the matrix knows."""
        wheels = self.matrix.wheels
        return wheels.has(name, version, self.platform, python) is not False or version in wheels.installable(
            name, self.platform, python
        )


_TERM = re.compile(r"(?:>=|<=|==|~=|=|>|<|!=)?(?:(?<!\s)\s+)?([\w.*+!]+)")


def admits(manager: str, spec: str, version: str) -> bool:
    """Tell whether a version satisfies a spec of that manager."""
    return reader_of(manager)(spec, version)


def derived(manager: str, specs: tuple[str, ...]) -> str:
    """Return a version that satisfies all specs, read from their own bounds; empty where none can be read.

    For packages that no table knows: a lower bound or an exact version is one that exists.
    """
    named = []
    for spec in specs:
        named += [plain for text in _TERM.findall(spec) if (plain := text.rstrip("*").rstrip("."))]
    fitting = [version for version in named if all(admits(manager, spec, version) for spec in specs)]
    return max(fitting, key=versions.key, default="")


def catalogue_of(env: Environment, matrix: Matrix, search: Search | None = None) -> Catalogue:
    """Return the versions that an environment's or a file's packages can be chosen from.

    Args:
        env: Its facts.
        matrix: The compatibility matrix.
        search: Asks the configured channels; left out where there is no conda or no network.
    """
    return Catalogue(matrix, env.platform, channel_of(find_tensorflow(env)), search)
