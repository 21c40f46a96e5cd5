"""From findings to the smallest change that leaves no error.

The rules themselves are the oracle: a plan is tried on a copy of the facts, and is good when they find no error in it.
What a rule asks for becomes a demand on a package; the newest version that satisfies all demands on it is taken; and
when nothing is wrong any more, every change that turns out not to be needed is taken back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..context.context import Context
from ..engine.diagnose import diagnose
from ..environment.facts import CONDA, PIP, Environment
from ..environment.tensorflow import OWNERS, find_tensorflow
from ..errors import UsageError
from ..findings import ERROR, WARNING, Finding
from ..names import PIP_TO_CONDA
from ..specifiers import first_version
from . import neighbours
from .candidates import Catalogue, catalogue_of
from .conflict import explain
from .demands import NO_DEMANDS, Demands
from .levers import BEYOND_PACKAGES, OF_FILES, Want, Way, ways
from .oracle import About, Oracle
from .plan import Change, Edit, Key, Plan
from .simulate import PARTS
from .verdicts import Verdicts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..matrix.matrix import Matrix

_MAX_EDITS = 16
_MAX_DIAGNOSES = 1500

_Edits = dict[Key, Edit]


class Planner(Oracle):
    """Makes plans for one environment.

    Args:
        env: The facts.
        matrix: The compatibility matrix.
        ignore: Codes that the user silenced.
        demands: What the user asked for.
        catalogue: The versions that exist; those of the matrix and the table of releases where left out.
        managers: Whose packages can be added.
    """

    def __init__(
        self,
        env: Environment,
        matrix: Matrix,
        ignore: Iterable[str] = (),
        demands: Demands = NO_DEMANDS,
        catalogue: Catalogue | None = None,
        managers: Iterable[str] = (CONDA, PIP),
    ) -> None:
        self.managers = frozenset(managers)
        self.env, self.matrix, self.ignore, self.demands = env, matrix, frozenset(ignore), demands
        self.tensorflow = find_tensorflow(env)
        self.catalogue = catalogue or catalogue_of(env, matrix)
        self.before = diagnose(env, matrix, self.ignore)
        self.wanted = self.before.gpu_wanted
        self._verdicts = Verdicts(env, matrix, self.ignore)
        self._until, self._limit = _MAX_DIAGNOSES, _MAX_EDITS
        self.blocked: dict[About, Finding] = {}
        self.obstacle = ""
        self.insist = set()
        self._rejected: set[tuple[Edit, ...]] = set()
        self.announced, self._tolerated = {}, set()
        self.spared = frozenset()
        self._unasked = self._heed = False
        self.clash: list[neighbours.Demand] = []
        self._of_files = self._only_on_disk()

    # The search

    def _repair(self, edits: _Edits) -> _Edits | None:
        errors = self.errors(edits)
        if not errors:
            return None if tuple(sorted(edits.values())) in self._rejected else edits
        if len(edits) >= self._limit or self._verdicts.count >= self._until:
            return None
        env = self.diagnose(edits).env
        # Which TensorFlow it is to be comes first: what else is wrong depends on it.
        finding = next((f for f in errors if f.is_fragile and f.package in OWNERS), errors[0])
        best: _Edits | None = None
        for way in self._ways(finding, env):
            new = self.with_way(edits, way, finding.code) if self._allowed(way) else None
            if new is None or new == edits:
                continue
            result = self._repair(new)
            if result is not None and (best is None or len(result) < len(best)):
                best = result
        if best is None and finding.severity == WARNING and not finding.is_fragile:
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
            want.name in OWNERS
            and not (want.remove or want.reinstall or want.bare or self._switches(way) or self._is_behind(want))
            for want in way
        )

    def _is_behind(self, want: Want) -> bool:
        """Tell whether a want is what TensorFlow, as it is or will be, asks for (``tensorflow-intel==2.15.0``)."""
        tensorflow, version = self.tensorflow, first_version(want.spec)
        rows = self.matrix.builds(tensorflow.name, version, "pypi", self.env.platform) if tensorflow else []
        return want.manager == PIP and any(row.stub_for == want.name + want.spec for row in rows)

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
        """Return the edits of the best plan, or ``None`` where none leaves nothing but what is announced.

        What is broken without stopping TensorFlow is repaired along with it, but decides nothing: neither which
        TensorFlow it is to be, nor whether there is a plan.
        """
        self._unasked = self._heed = False
        found = self._search()
        if found is None:
            return None
        self.clash = neighbours.unmet_by(found, self.env, self.diagnose(found).env)
        if self.clash:
            found = self._heeding(found)
            if found is None:
                return None
            self.clash = []
        self._unasked = True
        self._tolerated.clear()
        self._until = max(self._until, self._verdicts.count + _MAX_DIAGNOSES // 4)
        more = self._accepted(self._attempt(found))
        if more is None:
            self._unasked = False
        return found if more is None else more

    def _heeding(self, loose: _Edits) -> _Edits | None:
        """Return a plan that honours what every other package asks for, with the TensorFlow of one that does not.

        Another TensorFlow for a neighbour's sake is a choice of the user's.
        """
        self._heed = True
        moved = any(edit.name in OWNERS and not edit.reinstall for edit in loose.values())
        return self._search(moved)

    def with_neighbours(self) -> _Edits | None:
        """Return a plan that honours every neighbour with whatever TensorFlow that takes."""
        self._heed = True
        return self._search()

    def _search(self, others: bool = True) -> _Edits | None:
        """Return the best plan; of a file the Python that it names is given up last of all."""
        if self.env.kind == "file" and self.env.python.minor and not self.spared:
            self.spared = frozenset(("python",))
            result = self._tried(others)
            self.spared = frozenset()
            if result is not None:
                return result
        return self._tried(others)

    def _tried(self, others: bool) -> _Edits | None:
        self.announced.clear()
        self._tolerated.clear()
        self._until = self._verdicts.count + _MAX_DIAGNOSES
        starts = self.starts()
        if any(f.code == "TFD101" for f in self.errors({})):
            # Nothing helps a 32-bit Python: everything else is moot until there is another environment.
            self.announced.update({(f.code, f.package): f for f in self.errors({})})
            return {}
        for start in (*starts, *self.without_extras(starts)):
            result = self._accepted(self._attempt(start))
            if result is not None:
                return result
        blocked = dict(self.blocked)
        self.obstacle = next((finding.message for finding in blocked.values()), self.obstacle)
        announced = dict(self.announced)
        result = self._other_tensorflow() if others else None
        asked = self.demands.to or self.demands.keep or self.demands.without
        if result is not None or self.spared or self._heed or asked:
            return result
        # Nothing anywhere: say so of what stands in the way, and repair the rest.
        self.announced = {**announced, **blocked}
        self._until = max(self._until, self._verdicts.count + _MAX_DIAGNOSES // 4)
        for _ in range(8):
            result = self._attempt({})
            if result is not None:
                return self.minimal(result)
            fresh = {key: f for key, f in self.blocked.items() if key not in self.announced}
            if not fresh:
                return None
            self.announced.update(fresh)
        return None

    def _other_tensorflow(self) -> _Edits | None:
        """Return the best plan with another version of TensorFlow: the fewest changes, then the newest."""
        if self.tensorflow is None or self.tensorflow_demand or self.tensorflow.name in self.demands.keep:
            return None
        causes = [f for f in self.blocked.values() if f.code not in BEYOND_PACKAGES]
        if not causes:
            return None
        code = causes[0].code
        best: _Edits | None = None
        announced: dict[About, Finding] = {}
        starts = self.starts()
        for base in (*self.without_extras(starts), *starts):
            for start in self.of_tensorflow(base, "", code):
                self.announced.clear()
                result = self._accepted(self._attempt(start))
                if result is None:
                    continue
                worth = (len(self.announced), len(result))
                if best is None or worth < (len(announced), len(best)):
                    best, announced = result, dict(self.announced)
                    # They come in the order of preference, so only a plan with fewer changes is better.
                    self._limit = len(best) if not announced else _MAX_EDITS
                if best is not None and not announced and (self.env.kind == "file" or len(best) <= len(base) + 1):
                    # They come in the order of preference: in a file, the nearest release that works is taken.
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
            for edit in list(edits.values()):
                fewer = self.without(edit, edits)
                if fewer is None:
                    continue
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
        if "--to" in edit.codes or "--without" in edit.codes:
            return "You asked for it."
        now = [f for f in self.before.findings if f.code in edit.codes and f.severity in (ERROR, WARNING)]
        own = [f for f in now if f.package == edit.name]
        if own and not any("--to" in other.codes for other in edits.values()):
            return own[0].message
        without = {key: other for key, other in edits.items() if key != edit.key}
        later = [f for f in self.errors(without) if f.code in edit.codes]
        return (later or now)[0].message if later or now else "It goes with the other changes."
