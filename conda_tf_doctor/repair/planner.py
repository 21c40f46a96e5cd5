"""From findings to the smallest change that leaves no error.

The rules themselves are the oracle: a plan is tried on a copy of the facts, and is good when they find no error in it.
What a rule asks for becomes a demand on a package; the newest version that satisfies all demands on it is taken; and
when nothing is wrong any more, every change that turns out not to be needed is taken back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import versions
from ..engine import Diagnosis, diagnose
from ..environment.facts import CONDA, PIP, Environment, normalise
from ..environment.tensorflow import OWNERS, find_tensorflow
from ..errors import UsageError
from ..findings import ERROR, WARNING, Finding
from ..rules.context import Context
from .builder import Builder
from .candidates import Catalogue
from .demands import NO_DEMANDS, Demands, parse_demand
from .levers import BEYOND_PACKAGES, OF_FILES, PIP_TO_CONDA, Want, Way, demand, ways
from .plan import Change, Edit, Key, Plan
from .simulate import PARTS, simulate
from .wheels import unobtainable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..matrix.load import Matrix

# Warnings that are repaired unasked: two TensorFlows over each other import until the next change of either.
_FRAGILE = ("TFD601", "TFD602")
_MAX_EDITS = 16
_MAX_DIAGNOSES = 1500

_Edits = dict[Key, Edit]


class Planner(Builder):
    """Makes plans for one environment.

    Args:
        env: The facts.
        matrix: The compatibility matrix.
        ignore: Codes that the user silenced.
        demands: What the user asked for.
        catalogue: The versions that exist; those of the matrix and the table of releases where left out.
    """

    def __init__(
        self,
        env: Environment,
        matrix: Matrix,
        ignore: Iterable[str] = (),
        demands: Demands = NO_DEMANDS,
        catalogue: Catalogue | None = None,
    ) -> None:
        self.env, self.matrix, self.ignore, self.demands = env, matrix, frozenset(ignore), demands
        self.tensorflow = find_tensorflow(env)
        channel = self.tensorflow.channel if self.tensorflow and self.tensorflow.manager != PIP else ""
        self.catalogue = catalogue or Catalogue(matrix, env.platform, channel)
        self.before = diagnose(env, matrix, self.ignore)
        self.wanted = self.before.gpu_wanted
        self._left, self._limit = _MAX_DIAGNOSES, _MAX_EDITS
        self._seen: dict[tuple[Edit, ...], Diagnosis] = {}
        self.blocked: dict[tuple[str, str], Finding] = {}
        self.obstacle: Finding | None = None
        self.insist: set[Key] = set()
        self._rejected: set[tuple[Edit, ...]] = set()
        self.announced: dict[tuple[str, str], Finding] = {}
        self._tolerated: set[tuple[str, str]] = set()
        self._of_files = self._only_on_disk()

    # What the rules say

    def diagnose(self, edits: _Edits) -> Diagnosis:
        """Return the diagnosis of the facts as the edits leave them."""
        signature = tuple(sorted(edits.values()))
        if signature not in self._seen:
            self._left -= 1
            after = simulate(self.env, edits, self.matrix)
            self._seen[signature] = diagnose(after, self.matrix, self.ignore)
        return self._seen[signature]

    def _only_on_disk(self) -> dict[tuple[str, str], Finding]:
        """Return the errors that the copy of the facts cannot show, as the files on disk are not part of it."""
        if self.env.kind != "prefix":
            return {}
        shown = {(f.code, f.message) for f in self.diagnose({}).findings}
        return {
            (f.code, f.package): f
            for f in self.before.findings
            if f.severity == ERROR and (f.code, f.message) not in shown
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
            and (self.demands.warnings or f.code in _FRAGILE)
            and ways(f, diagnosis.env)
            and (f.code not in _FRAGILE or f.package in OWNERS)
        ]
        for finding in self._of_files.values():
            touched = (CONDA, finding.package) in edits or (PIP, finding.package) in edits
            demanded = {(w.manager, w.name) for way in ways(finding, self.env) for w in way}
            if not touched and not (demanded and demanded <= set(edits)):
                found.append(finding)
        if self.wanted and not diagnosis.gpu_wanted and diagnosis.tensorflow:
            message = "The GPU that was wanted would silently not be used any more."
            found.append(Finding("TFD302", ERROR, message, package="tensorflow"))
        if diagnosis.tensorflow is None and self.tensorflow is not None:
            found.append(Finding("TFD602", ERROR, "No TensorFlow would be left.", package="tensorflow"))
        found += unobtainable(edits, self.env, diagnosis.env, self.catalogue)
        settled = {*self.announced, *self._tolerated}
        return [f for f in found if (f.code, f.package) not in settled]

    # The search

    def _repair(self, edits: _Edits) -> _Edits | None:
        errors = self.errors(edits)
        if not errors:
            return None if tuple(sorted(edits.values())) in self._rejected else edits
        if len(edits) >= self._limit or self._left <= 0:
            return None
        env = self.diagnose(edits).env
        # Which TensorFlow it is to be comes first: what else is wrong depends on it.
        finding = next((f for f in errors if f.code in _FRAGILE and f.package in OWNERS), errors[0])
        best: _Edits | None = None
        for way in self._ways(finding, env):
            new = self.with_way(edits, way, finding.code) if self._allowed(way) else None
            if new is None or new == edits:
                continue
            result = self._repair(new)
            if result is not None and (best is None or len(result) < len(best)):
                best = result
        if best is None and finding.severity == WARNING and finding.code not in _FRAGILE:
            # Errors come first, so nothing but warnings is left: one that cannot be helped is lived with.
            self._tolerated.add((finding.code, finding.package))
            return self._repair(edits)
        if best is None:
            self.blocked.setdefault((finding.code, finding.package), finding)
        return best

    def _ways(self, finding: Finding, env: Environment) -> list[Way]:
        found = ways(finding, env, Context(env, self.matrix).build)
        return found or self._by_trying(finding, env)

    def _by_trying(self, finding: Finding, env: Environment) -> list[Way]:
        """A rule that names no range: offer the versions of the package it blames, newest first."""
        name = finding.package
        package = env.package(name) if name else None
        if package is None or name in PARTS or name == "python" or finding.code in BEYOND_PACKAGES | OF_FILES:
            return []
        manager = PIP if package.manager == PIP else CONDA
        known = self.catalogue.versions(manager, name, name, env.python.version)
        exact = "=={}" if manager == PIP else "{}"
        return [
            (Want(manager, name, PIP_TO_CONDA.get(name, name) if manager == CONDA else name, exact.format(v)),)
            for v in known[:12]
        ]

    def _allowed(self, way: Way) -> bool:
        return not any(
            want.name in OWNERS and not (want.remove or want.reinstall or self._switches(way)) for want in way
        )

    @staticmethod
    def _switches(way: Way) -> bool:
        return any(want.remove and want.name in OWNERS for want in way)

    def _attempt(self, edits: _Edits) -> _Edits | None:
        """Repair, announcing what is beyond packages as it turns up."""
        while True:
            self.blocked.clear()
            result = self._repair(edits)
            beyond = {key: f for key, f in self.blocked.items() if f.code in BEYOND_PACKAGES}
            if result is not None or not beyond:
                return result
            self.announced.update(beyond)

    def search(self) -> _Edits | None:
        """Return the edits of the best plan, or ``None`` where none leaves nothing but what is announced."""
        self.announced.clear()
        self._tolerated.clear()
        self._left = _MAX_DIAGNOSES
        starts = self._starts()
        if any(f.code == "TFD101" for f in self.errors({})):
            # Nothing helps a 32-bit Python: everything else is moot until there is another environment.
            self.announced.update({(f.code, f.package): f for f in self.errors({})})
            return {}
        for start in starts:
            result = self._accepted(self._attempt(start))
            if result is not None:
                return result
        blocked = dict(self.blocked)
        self.obstacle = next(iter(blocked.values()), None)
        announced = dict(self.announced)
        result = self._other_tensorflow()
        if result is not None or self.demands.to or self.demands.keep:
            return result
        # Nothing anywhere: say so of what stands in the way, and repair the rest.
        self.announced = {**announced, **blocked}
        self._left = max(self._left, _MAX_DIAGNOSES // 4)
        for _ in range(8):
            result = self._attempt({})
            if result is not None:
                return self.minimal(result)
            fresh = {key: f for key, f in self.blocked.items() if key not in self.announced}
            if not fresh:
                return None
            self.announced.update(fresh)
        return None

    def _starts(self) -> list[_Edits]:
        """Return the edits that the user's own demands make, one for each version that satisfies them."""
        base: _Edits = {}
        for name, spec in self.demands.to:
            if self._means_tensorflow(name):
                if self.tensorflow is not None and self.tensorflow.name in self.demands.keep:
                    raise UsageError(f"--to {name} and --keep {name} contradict each other; give one of them.")
                continue
            want = demand(self.env, name, spec, CONDA)
            if want.name in self.demands.keep:
                raise UsageError(f"--to {name} and --keep {name} contradict each other; give one of them.")
            self.add(base, want, "--to")
        resolved = self.resolved(base)
        if resolved is None:
            return []
        spec = self._tensorflow_demand()
        return [resolved] if not spec else self._of_tensorflow(resolved, spec, "--to")

    def _means_tensorflow(self, name: str) -> bool:
        return self.tensorflow is not None and normalise(name) in (self.tensorflow.name, "tensorflow")

    def _tensorflow_demand(self) -> str:
        return next((spec for name, spec in self.demands.to if self._means_tensorflow(name)), "")

    def _of_tensorflow(self, edits: _Edits, spec: str, code: str) -> list[_Edits]:
        """Return the edits with each version of TensorFlow that satisfies a spec, one for each minor.

        The newest comes first, but a release of the same minor, and then of the same major, before all others: code
        that was written for TensorFlow 1 does not run with 2.
        """
        tensorflow = self.tensorflow
        if tensorflow is None:
            return []
        manager = PIP if tensorflow.manager == PIP else CONDA
        known = self.catalogue.versions(manager, tensorflow.name, tensorflow.name)
        if not spec and tensorflow.version:
            major = tensorflow.version.split(".")[0]
            known = sorted(known, key=lambda v: (versions.minor(v) != tensorflow.minor, v.split(".")[0] != major))
        found, minors = [], set()
        for version in known:
            minor = versions.minor(version)
            if not versions.conda_contains(spec, version) or minor in minors:
                continue
            minors.add(minor)
            exact = f"=={version}" if manager == PIP else version
            new = self.with_way(edits, (Want(manager, tensorflow.name, tensorflow.name, exact),), code)
            if new is not None:
                found.append(new)
        return found

    def _other_tensorflow(self) -> _Edits | None:
        """Return the best plan with another version of TensorFlow: the fewest changes, then the newest."""
        if self.tensorflow is None or self._tensorflow_demand() or self.tensorflow.name in self.demands.keep:
            return None
        causes = [f for f in self.blocked.values() if f.code not in BEYOND_PACKAGES]
        if not causes:
            return None
        code = causes[0].code
        best: _Edits | None = None
        announced: dict[tuple[str, str], Finding] = {}
        for base in self._starts():
            for start in self._of_tensorflow(base, "", code):
                self.announced.clear()
                result = self._accepted(self._attempt(start))
                if result is None:
                    continue
                worth = (len(self.announced), len(result))
                if best is None or worth < (len(announced), len(best)):
                    best, announced = result, dict(self.announced)
                    # They come in the order of preference, so only a plan with fewer changes is better.
                    self._limit = len(best) if not announced else _MAX_EDITS
                if best is not None and not announced and len(best) <= len(base) + 1:
                    break
        self._limit = _MAX_EDITS
        self.announced = announced
        return best

    def _accepted(self, edits: _Edits | None) -> _Edits | None:
        """Return the smallest part of a plan; ``None`` where that was rejected before."""
        smallest = None if edits is None else self.minimal(edits)
        return None if smallest is None or tuple(sorted(smallest.values())) in self._rejected else smallest

    def minimal(self, edits: _Edits) -> _Edits:
        """Take back every change without which there is no error either."""
        again = True
        while again:
            again = False
            for key, edit in list(edits.items()):
                if "--to" in edit.codes:
                    continue
                fewer = {k: v for k, v in edits.items() if k != key}
                # With the versions chosen anew, or with those that were found to work.
                for option in (self.resolved(dict(fewer)), fewer):
                    if option is not None and len(option) < len(edits) and not self.errors(option):
                        edits, again = option, True
                        break
        return edits

    # What comes out

    def plan(self) -> Plan:
        """Return the plan, or what conflicts where there is none.

        Raises:
            UsageError: There is no TensorFlow to repair, or the demands contradict each other.
        """
        if self.tensorflow is None:
            where = self.env.path or "this environment"
            raise UsageError(f"There is no TensorFlow in {where}, so there is nothing to repair; `create` makes one.")
        edits = self.search()
        if edits is None:
            from .conflict import explain

            return Plan(self.before, self.before, {}, (), conflict=explain(self))
        return self.finished(edits)

    def finished(self, edits: _Edits) -> Plan:
        """Return the plan that consists of these edits."""
        after = self.diagnose(edits)
        ordered = dict(sorted(edits.items(), key=lambda item: (item[0][0], item[0][1] != "python", item[0][1])))
        changes = tuple(self._change(edit, ordered) for edit in ordered.values())
        announced = tuple(self.announced.values())
        return Plan(self.before, after, ordered, changes, announced)

    def left_after(self, edits: Mapping[Key, Edit], env: Environment) -> list[Finding]:
        """Return the errors of other facts (what a solver would really install) that the plan did not announce."""
        expected = {(f.code, f.package) for f in self.errors(dict(edits))}
        found = [f for f in diagnose(env, self.matrix, self.ignore).findings if f.severity == ERROR]
        return [f for f in found if (f.code, f.package) not in {*expected, *self.announced}]

    def refined(self, edits: Mapping[Key, Edit], left: Iterable[Finding], env: Environment) -> _Edits | None:
        """Return the edits with what repairs these errors added; ``None`` where nothing does, or nothing is new."""
        new: _Edits | None = dict(edits)
        for finding in left:
            options = [way for way in self._ways(finding, env) if self._allowed(way)]
            for way in options:
                demanded = self.with_way(dict(new or {}), self._forced(way), finding.code)
                if demanded is not None:
                    new = demanded
                    break
            else:
                return None
        return new if new != dict(edits) else None

    def _forced(self, way: Way) -> Way:
        """A demand that the facts now meet, but conda's solution would not, has to be made all the same."""
        self.insist.update((want.manager, want.name) for want in way)
        return way

    def reject(self, edits: _Edits) -> None:
        """Never propose these edits again."""
        self._rejected.add(tuple(sorted(edits.values())))

    def _change(self, edit: Edit, edits: _Edits) -> Change:
        current = self.installed(edit.manager, edit.name) or ""
        pin = "" if edit.removes else edit.pin
        why = self._why(edit, edits)
        return Change(edit.spelled, current, edit.version, edit.manager, pin, edit.codes, why, edit.reinstall)

    def _why(self, edit: Edit, edits: _Edits) -> str:
        """Return what would be wrong without this change: the plan is minimal, so something would be."""
        if "--to" in edit.codes:
            return "You asked for it."
        now = [f for f in self.before.findings if f.code in edit.codes and f.severity in (ERROR, WARNING)]
        own = [f for f in now if f.package == edit.name]
        if own:
            return own[0].message
        without = {key: other for key, other in edits.items() if key != edit.key}
        later = [f for f in self.errors(without) if f.code in edit.codes]
        return (later or now)[0].message if later or now else "It goes with the other changes."


__all__ = ["Demands", "Planner", "parse_demand"]
