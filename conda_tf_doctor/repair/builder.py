"""Makes the edits of a plan: demands on packages become the newest versions that satisfy all of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from .. import versions
from ..environment.facts import CONDA, PIP, Environment
from ..environment.tensorflow import OWNERS, Installed, selector
from ..matrix.model import PYPI
from .candidates import Catalogue, admits, derived
from .demands import Demands
from .levers import Want, Way
from .plan import Edit, Key, predecessor
from .simulate import PARTS

if TYPE_CHECKING:
    from ..matrix.matrix import Matrix

_Edits = dict[Key, Edit]


class Builder:
    """Adds demands to edits.

    Attributes:
        env: The facts as they are.
        matrix: The compatibility matrix.
        demands: What the user asked for.
        catalogue: The versions that exist.
        tensorflow: What the environment has.
        insist: Packages that get a pin even where the installed version satisfies it.
        spared: Packages that are not changed as long as there is a plan without.
    """

    env: Environment
    matrix: Matrix
    demands: Demands
    catalogue: Catalogue
    tensorflow: Installed | None
    insist: set[Key]
    spared: frozenset[str]

    @cached_property
    def _beyond_conda(self) -> bool:
        """Whether conda can change nothing here: in a venv, whose Python stays the one it was made with."""
        return self.env.is_venv

    def with_way(self, edits: _Edits, way: Way, code: str) -> _Edits | None:
        """Return the edits with the demands of one way added; ``None`` where they cannot be met."""
        new = dict(edits)
        for want in way:
            if want.name in self.demands.keep or want.name in self.spared:
                current = self.installed(want.manager, want.name)
                if want.remove or want.reinstall or current is None or not admits(want.manager, want.spec, current):
                    return None
                continue
            if not self.add(new, want, code):
                return None
        return self.resolved(new)

    def add(self, edits: _Edits, want: Want, code: str) -> bool:
        """Add one demand to the edits; tell whether it can be met beside the others."""
        key = (want.manager, want.name)
        if want.manager == CONDA and self._beyond_conda:
            return False
        old = edits.get(key)
        codes = tuple(dict.fromkeys((*(old.codes if old else ()), code)))
        current = self.installed(want.manager, want.name)
        record = self.env.conda(want.name) if want.manager == CONDA else None
        if record is not None and (want.remove or want.reinstall):
            want = want._replace(spelled=record.conda_name)
        if want.remove:
            if old is not None and not old.removes:
                return False
            if current is not None:
                edits[key] = Edit(want.manager, want.name, want.spelled, codes=codes, back=want.back)
            return True
        if old is not None and old.removes:
            return False
        if want.reinstall:
            if old is None:
                kept: tuple[str, ...] = (want.spec,) if want.spec else ()
                edits[key] = Edit(want.manager, want.name, want.spelled, kept, current or "", codes, reinstall=True)
            return True
        if want.bare:
            there = old or Edit(want.manager, want.name, want.spelled, version=current or "")
            edits[key] = there._replace(codes=codes, bare=True)
            return True
        specs = tuple(dict.fromkeys((*(old.specs if old else ()), want.spec)))
        if old is None and current and admits(want.manager, want.spec, current) and key not in self.insist:
            return True
        follows = old.follows if old else self._followers(want, edits)
        bare, alone = (old.bare, old.alone) if old else (False, False)
        along = self._along(want)
        edits[key] = Edit(
            want.manager, want.name, want.spelled, specs, "?", codes, False, follows, along, (), bare, alone
        )
        return True

    def _along(self, want: Want) -> tuple[str, ...]:
        """The selector of conda's CUDA packages has to name the same CUDA, or nothing can be installed."""
        if want.manager == CONDA and want.name == "cudatoolkit" and self.env.conda("cuda-version") is not None:
            return (f"cuda-version {want.spec}",)
        return ()

    def _followers(self, want: Want, edits: _Edits) -> tuple[str, ...]:
        if want.name not in OWNERS or self.tensorflow is None:
            return ()
        if want.manager == PIP:
            exact = want.spec.lstrip("=")
            rows = self.matrix.builds(want.name, exact, "pypi", self.env.platform)
            stubs = [row.stub_for.partition("==")[0] for row in rows if row.stub_for]
            return tuple(name for name in stubs if self.env.pip(name) is not None)
        version = self.tensorflow.version
        return tuple(
            p.name for p in self.env.packages
            if p.manager != PIP and p.name in PARTS and p.name != want.name and p.version == version
            # What goes, as the other takes its place, goes nowhere with it.
            and not ((gone := edits.get((CONDA, p.name))) and gone.removes)
        )  # fmt: skip

    def installed(self, manager: str, name: str) -> str | None:
        """Return the version that a manager has of a package now; ``None`` where it has none."""
        package = self.env.pip(name) if manager == PIP else self.env.conda(name)
        return package.version if package else None

    def takes_a_place(self, edit: Edit, edits: _Edits) -> bool:
        """Tell whether a package comes for one that is to be had under another name alone, or a file's TensorFlow goes.

        Nobody asked to lose the first. Of the second, left open beside another name, no rule finds anything, and an
        installer takes it all the same.
        """
        if edit.removes:
            chosen_by = selector(self.env)
            its_own = edit.name in OWNERS or (chosen_by is not None and edit.name == chosen_by.name)
            return its_own and self.env.kind == "file"
        return self.installed(edit.manager, edit.name) is None and predecessor(edit, edits) is not None

    def without(self, edit: Edit, edits: _Edits) -> _Edits | None:
        """Return edits without one and what is of use with it alone; ``None`` where one of these has to stay.

        NVIDIA's wheels hold one library each, and TensorFlow uses no GPU without all of them.
        """

        def is_new_wheel(each: Edit) -> bool:
            return each.manager == PIP and each.name.startswith("nvidia-") and self.installed(PIP, each.name) is None

        gone = [each for each in edits.values() if is_new_wheel(each)] if is_new_wheel(edit) else [edit]
        if any({"--to", "--without"} & set(each.codes) or self.takes_a_place(each, edits) for each in gone):
            return None
        keys = {each.key for each in gone}
        return {key: each for key, each in edits.items() if key not in keys}

    def resolved(self, edits: _Edits) -> _Edits | None:
        """Choose the version of every edit anew: the newest that exists and satisfies all that is asked of it."""
        python = edits.get((CONDA, "python"))
        if python is not None and not python.removes:
            chosen = self._choose(python, "")
            if not chosen:
                return None
            edits[python.key] = python = python._replace(version=chosen)
        minor = python.version if python else self.env.python.version
        if python is not None and versions.minor(python.version) != self.env.python.minor:
            self._carry_over(edits, python.version)
        # What goes with TensorFlow depends on which it is.
        for key, edit in sorted(edits.items(), key=lambda item: item[1].name not in OWNERS):
            if edit.removes or edit.reinstall or edit is python or (edit.bare and not edit.specs):
                continue
            version = self._wheel(edit, edits, minor) or self._choose(edit, minor)
            if not version:
                return None
            edits[key] = edit._replace(version=version)
        return edits

    def _wheel(self, edit: Edit, edits: _Edits, python: str) -> str:
        """Return the newest release of a package of pip's that can be had beside TensorFlow; empty where unknown.

        What TensorBoard requires is what TensorFlow of its day does: ``~=2.4`` admits ones that pip refuses beside it.
        """
        if edit.manager != PIP or edit.name in OWNERS:
            return ""
        minor = versions.minor(self._new_tensorflow(edits)[1])
        same = [(*edit.specs, f"=={minor}.*")] if minor and edit.name == "tensorboard" else []
        tried = ((specs, each) for specs in (*same, edit.specs) for each in self._pythons(edits, python))
        return next(filter(None, (self.catalogue.newest(edit.name, *pair) for pair in tried)), "")

    def _new_tensorflow(self, edits: _Edits) -> tuple[str, str]:
        """Return name and version of the TensorFlow that there will be; empty where that is not known."""
        mine = (e for e in edits.values() if e.name in OWNERS and not e.removes and e.version not in ("", "?"))
        edit = next(mine, None)
        there = self.tensorflow
        return (edit.name, edit.version) if edit else (there.name, there.version) if there else ("", "")

    def _pythons(self, edits: _Edits, python: str) -> list[str]:
        """Return the Pythons that a wheel is looked for, in order: of a file that names none, TensorFlow's own."""
        if python or self.env.kind != "file":
            return [python]
        name, version = self._new_tensorflow(edits)
        rows = self.matrix.builds(name, version, PYPI, self.env.platform) if version else []
        asked = self.env.conda("python")
        minors = {minor for row in rows for minor in row.python if asked is None or admits(CONDA, asked.spec, minor)}
        return [*sorted(minors, key=versions.key, reverse=True), ""]

    def _carry_over(self, edits: _Edits, python: str) -> None:
        """Another Python needs its own wheels: what pip owns and has none for it gets another version."""
        for package in self.env.packages:
            key = (PIP, package.name)
            if package.manager != PIP or package.name in self.demands.keep or key in edits or not package.version:
                continue
            if package.name in OWNERS or self.catalogue.fits_python(package.name, package.version, python):
                continue
            newer = self.catalogue.versions(PIP, package.name, package.name, python)
            if newer:
                edits[key] = Edit(PIP, package.name, package.name, ("",), newer[0], ("TFD201",))

    def _choose(self, edit: Edit, python: str) -> str:
        known = self.catalogue.versions(edit.manager, edit.name, edit.spelled, python)
        fitting = (v for v in known if all(admits(edit.manager, spec, v) for spec in edit.specs))
        # The lightest touch: TensorFlow's sisters and pinned versions are asked for by range, so newest is right.
        newest = next(fitting, "")
        if newest or known:
            return newest
        # Of what no table knows, the version that is there exists in any case.
        there = self.installed(edit.manager, edit.name)
        fits = there and all(admits(edit.manager, spec, there) for spec in edit.specs)
        return there if there and fits else derived(edit.manager, edit.specs)
