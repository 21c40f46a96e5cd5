"""What the rules have against the facts as a plan's edits leave them: the oracle that a search asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..context.context import Context
from ..engine.diagnosis import Diagnosis
from ..environment.facts import CONDA, PIP
from ..environment.tensorflow import OWNERS
from ..findings import ERROR, WARNING, Finding
from ..matrix.model import GPU
from . import neighbours
from .levers import ways
from .plan import Edit, Key
from .starts import Starts
from .wheels import unobtainable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .verdicts import Verdicts

_Edits = dict[Key, Edit]
# What a finding is about: its code and package.
About = tuple[str, str]


class Oracle(Starts):
    """Tries edits on a copy of the facts.

    Attributes:
        ignore: Codes that the user silenced.
        before: The diagnosis of the facts as they are.
        wanted: Why a GPU is wanted; empty where nothing says so.
        announced: What no change of packages repairs.
    """

    ignore: frozenset[str]
    before: Diagnosis
    wanted: str
    announced: dict[About, Finding]
    # What is lived with.
    _tolerated: set[About]
    # Whether what is broken without stopping TensorFlow counts, and whether what every neighbour asks for does.
    _unasked: bool
    _heed: bool
    # How many diagnoses may be made in all.
    _until: int
    _verdicts: Verdicts
    _of_files: dict[About, Finding]

    def diagnose(self, edits: _Edits) -> Diagnosis:
        """Return the diagnosis of the facts as the edits leave them."""
        return self._verdicts.after(edits)

    def _only_on_disk(self) -> dict[About, Finding]:
        """Return what is broken that the copy of the facts cannot show, as the files on disk are not part of it."""
        if self.env.kind != "prefix":
            return {}
        shown = {(f.code, f.message) for f in self.diagnose({}).findings}
        return {
            (f.code, f.package): f
            for f in self.before.findings
            if (f.severity == ERROR or (f.is_broken and not f.is_fragile))
            and (f.code, f.message) not in shown
            and f.code != "TFD904"
        }

    def errors(self, edits: _Edits) -> list[Finding]:
        """Return what is wrong with the facts as the edits leave them, but for what is announced."""
        return self.amiss(self.diagnose(edits), edits)

    def amiss(self, diagnosis: Diagnosis, edits: Mapping[Key, Edit]) -> list[Finding]:
        """Return what a plan must not leave: errors, what is repaired unasked, and the loss of what was there."""
        found = [f for f in diagnosis.findings if f.severity == ERROR]
        found += [
            f
            for f in diagnosis.findings
            if f.severity == WARNING
            and (self.demands.warnings or f.is_fragile or (self._unasked and f.is_broken))
            and ways(f, diagnosis.env)
            and (not f.is_fragile or f.package in OWNERS)
        ]
        for finding in self._of_files.values():
            touched = (CONDA, finding.package) in edits or (PIP, finding.package) in edits
            demanded = {(w.manager, w.name) for way in ways(finding, self.env) for w in way}
            if not touched and not (demanded and demanded <= set(edits)):
                found.append(finding)
        gone = [edit for edit in edits.values() if edit.removes]
        extras = any(edit.name.startswith("nvidia-") or "--without" in edit.codes for edit in gone)
        # On a Mac no TensorFlow of today uses CUDA, whatever its name: the wish cannot be kept.
        kept = extras or self._other_name(diagnosis, edits) or self.env.os == "osx"
        if self.wanted and not diagnosis.gpu_wanted and diagnosis.tensorflow and not kept:
            message = "The GPU that was wanted would silently not be used any more."
            found.append(Finding("TFD302", ERROR, message, package="tensorflow"))
        if diagnosis.tensorflow is None and self.tensorflow is not None:
            found.append(Finding("TFD602", ERROR, "No TensorFlow would be left.", package="tensorflow"))
        found += unobtainable(edits, self.env, diagnosis.env, self.catalogue)
        # Conda would move TensorFlow itself rather than leave what its record asks for unmet.
        found += neighbours.findings(neighbours.unmet_of_conda(diagnosis.env, edits))
        if self._heed:
            found += neighbours.findings(neighbours.unmet_by(edits, self.env, diagnosis.env))
        settled = {*self.announced, *self._tolerated}
        return [f for f in found if (f.code, f.package) not in settled]

    def _other_name(self, diagnosis: Diagnosis, edits: Mapping[Key, Edit]) -> bool:
        """Whether only the name that asked for a GPU is gone (``tensorflow-gpu``), and the new one uses it too."""
        build = Context(diagnosis.env, self.matrix).build
        build = self.matrix.resolve_stub(build) if build else None
        gone = any(edit.removes and edit.name in OWNERS for edit in edits.values())
        return gone and build is not None and build.variant == GPU and build.gpu_functional is not False
