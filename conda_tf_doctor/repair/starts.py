"""Where a search for a plan begins: with what the user asks for, or with another version of TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from .. import versions
from ..environment.facts import CONDA, PIP, reader_of
from ..environment.tensorflow import owners
from ..errors import UsageError, meant
from ..names import normalise
from ..specifiers import to_pip
from .builder import Builder
from .levers import Want, Way, demand
from .plan import Edit, Key

if TYPE_CHECKING:
    from ..environment.tensorflow import Installed

_Edits = dict[Key, Edit]


class Starts(Builder):
    """Makes the edits that a search begins with.

    Attributes:
        managers: Whose packages can be added: a requirements.txt has no place for conda's.
        obstacle: What stands in the way, where nothing satisfies what the user asks for, in words.
    """

    managers: frozenset[str]
    obstacle: str

    def add(self, edits: _Edits, want: Want, code: str) -> bool:
        """Add one demand; one on a package that nobody could add cannot be met, nor one against the user's own."""
        key = (want.manager, want.name)
        # Of a file that lists pip's packages alone, requires-python says which Pythons it is for: not ours to change.
        there = self.installed(*key) is not None and want.name != "python"
        if want.manager not in self.managers and not want.remove and not there:
            return False
        asked = self._asked.get(key)
        if (asked is not None and want.remove) or not super().add(edits, want, code):
            return False
        edit = edits.get(key)
        if asked is not None and edit is not None and asked not in edit.specs:
            # What is there satisfied the user; what takes its place has to as well.
            edits[key] = edit._replace(specs=(asked, *edit.specs))
        return True

    @cached_property
    def _asked(self) -> dict[Key, str]:
        wants = [self._want(name, spec) for name, spec in self.demands.to if not self._means_tensorflow(name)]
        return {(want.manager, want.name): want.spec for want in wants}

    def starts(self) -> list[_Edits]:
        """Return the edits that the user's own demands make, one for each version that satisfies them.

        Raises:
            UsageError: The demands contradict each other, or name what has no place here.
        """
        base: _Edits = {}
        for name, spec in self.demands.to:
            if self._means_tensorflow(name):
                kept = self.tensorflow.name if self.tensorflow else ""
            else:
                want = self._want(name, spec)
                kept = want.name
                self._place(want)
                self.add(base, want, "--to")
            if kept in self.demands.keep:
                raise UsageError(f"--to {name} and --keep {kept} contradict each other; give one of them.")
        for name in sorted(self.demands.without):
            if self.env.package(name) is None:
                known = sorted(package.name for package in self.env.packages)
                raise UsageError(f"--without {name}: {self.env.path} has no {name}{meant(name, known)}.")
            for manager in (PIP, CONDA):
                if self.installed(manager, name) is not None:
                    self.add(base, Want(manager, name, name, remove=True), "--without")
        spec = self.tensorflow_demand
        found = [self._of_demand(each, spec) if spec else [each] for each in self._resolutions(base)]
        return [start for group in found for start in group]

    def without_extras(self, starts: list[_Edits]) -> list[_Edits]:
        """Return starts that do without NVIDIA's wheels, where no TensorFlow of the platform uses them.

        They come with ``tensorflow[and-cuda]`` on Linux; exported from there, they say nothing about this platform.
        """
        # nvidia-ml-py asks the driver, and is no part of CUDA.
        by_pip = [package.name for package in self.env.packages if package.manager == PIP]
        extras = [name for name in by_pip if re.fullmatch(r"nvidia-.+-cu\d+", name)]
        if self.env.os not in ("win", "osx") or self.env.kind != "file" or not extras:
            return []
        found = []
        for start in starts:
            new = dict(start)
            if all(self.add(new, Want(PIP, name, name, remove=True), "TFD305") for name in extras):
                found.append(new)
        return found

    def _want(self, name: str, spec: str) -> Want:
        """Address a demand: what is not there yet is pip's where TensorFlow is pip's and the package is a wheel."""
        want = demand(self.env, name, spec, CONDA)
        if want.manager == PIP or self.env.package(want.name) is not None:
            return want
        by_pip = self.tensorflow is not None and self.tensorflow.manager == PIP
        wheel = by_pip and bool(self.catalogue.matrix.wheels.releases(want.name))
        if PIP in self.managers and (wheel or CONDA not in self.managers):
            return Want(PIP, want.name, name, to_pip(spec))
        return want

    def _place(self, want: Want) -> None:
        there = self.installed(want.manager, want.name) is not None
        if not there and (want.manager not in self.managers or (want.name == "python" and want.manager == PIP)):
            raise UsageError(f"--to {want.spelled}: {self.env.path} has no place for it, as it lists pip's packages.")

    def _resolutions(self, base: _Edits) -> list[_Edits]:
        """Return the demands with versions; where none exists for the Python that is there, with each other Python."""
        resolved = self.resolved(dict(base))
        if resolved is not None:
            return [resolved]
        found = []
        python = self.catalogue.versions(CONDA, "python", "python")
        for minor in dict.fromkeys(versions.minor(version) for version in python):
            way = (Want(CONDA, "python", "python", f"{minor}.*"),)
            new = self.with_way(base, way, "TFD201") if CONDA in self.managers else None
            if new is not None:
                found.append(new)
        if not found:
            texts = " and ".join(edit.pin for edit in base.values())
            self.obstacle = f"There is no version that satisfies {texts}."
        return found

    def _means_tensorflow(self, name: str) -> bool:
        return self.tensorflow is not None and normalise(name) in (self.tensorflow.name, "tensorflow")

    @property
    def tensorflow_demand(self) -> str:
        """Return the version of TensorFlow that the user asks for; empty where any will do."""
        specs = dict.fromkeys(spec for name, spec in self.demands.to if self._means_tensorflow(name))
        return ",".join(f"({spec})" if "|" in spec and len(specs) > 1 else spec for spec in specs)

    def _of_demand(self, edits: _Edits, spec: str) -> list[_Edits]:
        """Return the edits with what ``--to tensorflow=…`` asks for, under another name where this one has no such."""
        found = self.of_tensorflow(edits, spec, "--to")
        tensorflow = self.tensorflow
        if found or tensorflow is None:
            return found
        asked = next(normalise(name) for name, _ in self.demands.to if self._means_tensorflow(name))
        if asked != tensorflow.name and tensorflow.manager == PIP:
            for name in ("tensorflow", "tensorflow-macos"):
                found += self._renamed(edits, name, spec)
        if not found:
            platform = self.env.platform or "this platform"
            self.obstacle = f"No {tensorflow.name} {spec.removesuffix('.*')} is known for {platform}."
        return found

    def _renamed(self, edits: _Edits, name: str, spec: str) -> list[_Edits]:
        gone = [
            Want(PIP, package.name, package.name, remove=True)
            for package in owners(self.env)
            if package.manager == PIP and package.name != name
        ]
        known = [v for v in self.catalogue.versions(PIP, name, name) if versions.conda_contains(spec, v)]
        return self._each_minor(edits, known, lambda version: (*gone, Want(PIP, name, name, f"=={version}")), "--to")

    def of_tensorflow(self, edits: _Edits, spec: str, code: str) -> list[_Edits]:
        """Return the edits with each version of TensorFlow that satisfies a spec, one for each minor.

        The newest comes first, but a release of the same minor, and then of the same major, before all others: code
        that was written for TensorFlow 1 does not run with 2.
        """
        tensorflow = self.tensorflow
        if tensorflow is None:
            return []
        manager = PIP if tensorflow.manager == PIP else CONDA
        known = self.catalogue.versions(manager, tensorflow.name, tensorflow.name)
        if not spec:
            of_file = self.env.kind == "file"
            near = [v for v in known if _is_near(v, tensorflow, of_file)]
            if self.spared:
                # Code for Keras 2 seldom runs with Keras 3: rather another Python than that.
                near = [v for v in near if _has_keras_3(v) == _has_keras_3(tensorflow.version or v)]
            known = _nearest(near, tensorflow, of_file)
        fitting = [version for version in known if versions.conda_contains(spec, version)]
        exact = "=={}" if manager == PIP else "{}"

        def way(version: str) -> Way:
            return (Want(manager, tensorflow.name, tensorflow.name, exact.format(version)),)

        return self._each_minor(edits, fitting, way, code)

    def _each_minor(self, edits: _Edits, known: Iterable[str], way: Callable[[str], Way], code: str) -> list[_Edits]:
        found, minors = [], set()
        for version in known:
            minor = versions.minor(version)
            if minor in minors:
                continue
            minors.add(minor)
            new = self.with_way(edits, way(version), code)
            if new is not None:
                found.append(new)
        return found


def _place(minors: list[str], version: str, newer: int) -> float:
    """Return how many releases away a version is; of two at the same distance the older is nearer."""
    return minors.index(versions.minor(version)) - newer + 0.4


def _is_near(version: str, tensorflow: Installed, of_file: bool) -> bool:
    """Tell whether a version may take the place of what is there unasked.

    Never one of an older major: code that was written for TensorFlow 2 does not run with 1. In a file, which code was
    written beside, of no other major at all, nor one outside a range that it gives: it is the user's own bound. An
    environment whose Python has no TensorFlow 1 has nothing to lose.
    """
    package = tensorflow.package
    if package.spec:
        return reader_of(tensorflow.manager)(package.spec, version)
    if not tensorflow.version:
        return True
    major, here = _major(version), _major(tensorflow.version)
    return major == here or (not of_file and major > here)


def _has_keras_3(version: str) -> bool:
    return versions.key(version) >= versions.key("2.16.0rc0")


def _major(version: str) -> int:
    release = versions.release(version)
    return release[0] if release else 0


def _nearest(known: list[str], tensorflow: Installed, by_distance: bool) -> list[str]:
    """Return versions in the order of preference: the same minor first; of a file then the next ones to it."""
    minors = list(dict.fromkeys(versions.minor(version) for version in known))
    if by_distance and tensorflow.version:
        here = versions.key(tensorflow.version)
        newer = sum(versions.key(minor) > here for minor in minors)
        return sorted(known, key=lambda v: (versions.minor(v) != tensorflow.minor, abs(_place(minors, v, newer))))
    major = _major(tensorflow.version)
    return sorted(known, key=lambda v: (versions.minor(v) != tensorflow.minor, _major(v) != major))
