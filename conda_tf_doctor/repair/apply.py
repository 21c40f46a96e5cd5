"""Carries a plan out: pip takes away, conda moves, pip installs; then the environment is checked again.

Before each step the journal says so, and each step can be done twice, so that a run that was killed is finished by the
next one. What pip owns is kept aside first, and a package that a step puts in is removed whole before. What got worse
is taken back: conda by its revision, pip by the files that were kept, or by the versions it had.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from .. import versions
from ..environment.facts import CONDA, PIP, Environment
from ..environment.owner import is_of_uv, lacks_pip
from ..environment.prefix import read_prefix
from ..findings import ERROR
from ..installers import is_pip
from ..names import normalise, parse_requirement
from ..programs import for_uv
from . import journal as journals
from . import kept, kept_conda, neighbours, pinned
from .back import Back, record_of, records
from .by_pip import moved_along, pip_back, pip_requirements, python_of
from .journal import STEPS, UNDOING, Journal
from .verify import conda_removes, conda_specs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..engine.diagnosis import Diagnosis
    from .conda import Conda
    from .plan import Plan

Check = Callable[[], "Diagnosis"]
Say = Callable[[str], None]


class Outcome(NamedTuple):
    """How applying ended.

    Attributes:
        ok: Whether the plan was carried out and nothing got worse.
        after: The diagnosis of what is there now.
        message: One sentence.
        undone: Whether everything was taken back.
    """

    ok: bool
    after: Diagnosis
    message: str
    undone: bool = False


def draft(
    plan: Plan,
    env: Environment,
    revision: int,
    pins: str | None,
    users_pins: Sequence[str] = (),
    pinned_before: str | None = None,
) -> Journal:
    """Return the journal of a plan that is about to be applied.

    Args:
        plan: The plan.
        env: The environment as it is.
        revision: Conda's revision of it.
        pins: The pinned file as it will be; ``None`` where it stays.
        users_pins: The user's own pins on installed packages.
        pinned_before: The pinned file as it is; ``None`` where there is none.
    """
    edits = plan.edits
    return Journal(
        started=datetime.now(timezone.utc).isoformat(timespec="microseconds"),
        revision=revision,
        conda_before=tuple(sorted(records(env))),
        pip_before=tuple(f"{p.name}=={p.version}" for p in env.packages if p.manager == PIP and p.version),
        conda_install=tuple(conda_specs(edits, (*users_pins, *plan.held))),
        conda_remove=tuple(conda_removes(edits)),
        conda_reinstall=tuple(_records(plan, env)),
        pip_install=tuple(pip_requirements(edits)),
        pip_again=tuple(_for_new_python(plan, env)),
        pip_uninstall=tuple(e.spelled for e in edits.values() if e.removes and e.manager == PIP),
        pip_back=tuple(pip_back(edits)),
        pip_along=tuple(moved_along(plan)),
        errors_before=_errors(plan.before),
        unmet_before=tuple(demand.text for demand in neighbours.unmet(env)),
        pinned=pins,
        pinned_before=pinned_before,
        changes=tuple(change.to_json() for change in plan.changes),
    )


def _records(plan: Plan, env: Environment) -> list[str]:
    """Return the exact records that are put back, spelled as conda spells them."""
    found = []
    for edit in plan.edits.values():
        package = env.conda(edit.name)
        if edit.reinstall and edit.manager == CONDA and package is not None:
            found.append(record_of(package))
    return found


def _for_new_python(plan: Plan, env: Environment) -> list[str]:
    """Another minor of Python has a site-packages of its own: all that pip owns has to be installed there again."""
    python = plan.edits.get((CONDA, "python"))
    if python is None or python.version.split(".")[:2] == env.python.version.split(".")[:2]:
        return []
    planned = {edit.name for edit in plan.edits.values() if edit.manager == PIP}
    return [
        f"{p.name}=={p.version}"
        for p in env.packages
        if p.manager == PIP and p.version and p.name not in planned and p.name not in ("pip", "setuptools", "wheel")
    ]


def _errors(diagnosis: Diagnosis) -> tuple[tuple[str, str], ...]:
    return tuple((f.code, f.package) for f in diagnosis.findings if f.severity == ERROR)


def commands(journal: Journal, prefix: str) -> list[list[str]]:
    """Return the commands that a journal stands for, as one would type them."""
    python = python_of(prefix) or os.path.join(prefix, "bin", "python")
    pip = [python, "-m", "pip"]
    found: list[list[str]] = []
    if journal.pip_uninstall:
        found.append([*pip, "uninstall", *journal.pip_uninstall])
    if journal.conda_remove:
        found.append(["conda", "remove", "-p", prefix, *journal.conda_remove])
    if journal.conda_install:
        found.append(["conda", "install", "-p", prefix, *journal.conda_install])
    if journal.conda_reinstall:
        found.append(["conda", "install", "-p", prefix, "--force-reinstall", *journal.conda_reinstall])
    if journal.pip_back:
        names = {normalise(parse_requirement(text)[0]) for text in journal.pip_back}
        how = "--force-reinstall" if all(kept.is_recorded(prefix, n) for n in names) else "--ignore-installed"
        found.append([*pip, "install", how, "--no-deps", *journal.pip_back])
    if journal.pip_install or journal.pip_again:
        found.append([*pip, "install", *journal.pip_install, *journal.pip_again])
    if any(map(is_pip, found)) and lacks_pip(read_prefix(prefix, with_machine=False)):
        if is_of_uv(prefix):
            return [list(for_uv(command, prefix)) if is_pip(command) else command for command in found]
        found.insert(0, [python, "-m", "ensurepip"])
    return found


class Applier(Back):
    """Applies one journal to one environment.

    Args:
        prefix: The environment.
        conda: The user's conda; a venv is changed without.
        check: Diagnoses the environment as it is on the disk.
        say: Tells the user, a line at a time.
        quiet: Whether pip's own progress goes nowhere.
    """

    def __init__(self, prefix: str, conda: Conda | None, check: Check, say: Say, quiet: bool = False) -> None:
        self.prefix, self._user_conda, self.check, self.say, self.quiet = prefix, conda, check, say, quiet
        steps = (self._keep, self._uninstall, self._conda, self._install, self._judge, self._pins)
        self._steps: dict[str, Callable[[Journal], str]] = dict(zip(STEPS, steps, strict=True))

    def run(self, journal: Journal) -> Outcome:
        """Carry a journal out from the step it is at, to the end or back to the start."""
        self._cleaned(journal)
        if journal.step == UNDOING:
            return self.undo(journal, "The undoing of a repair was interrupted; it is finished now.")
        for step in STEPS[STEPS.index(journal.step) :]:
            journal = journal.at(step, self.prefix)
            failure = self._steps[step](journal)
            if failure:
                return self.undo(journal, failure)
        self._filed(journal)
        return Outcome(True, self.check(), "The environment was repaired.")

    def _filed(self, journal: Journal) -> None:
        """Put what was done into the history, with the files that it replaced."""
        env = read_prefix(self.prefix, with_machine=False)
        after = tuple(f"{p.name}=={p.version}" for p in env.packages if p.manager == PIP and p.version)
        kept.drop_unchanged(self.prefix, self._aside(journal))
        kept_conda.ended(self.prefix, self._aside_of_conda(journal))
        journals.file(self.prefix, journal._replace(conda_after=tuple(sorted(records(env))), pip_after=after))
        journals.close(self.prefix)

    # The steps; each returns what went wrong, or nothing

    def _keep(self, journal: Journal) -> str:
        by_pip = (*journal.pip_install, *journal.pip_back, *journal.pip_uninstall)
        changing = [*(parse_requirement(text)[0] for text in by_pip), *journal.pip_along]
        kept.sweep(self.prefix)
        kept.keep(self.prefix, self._aside(journal), kept.owned_now(self.prefix), changing)
        by_conda = {*journal.conda_remove, *(spec.split()[0] for spec in journal.conda_install)}
        if by_conda or journal.conda_reinstall:
            changing = [record for record in journal.conda_before if record.split("=")[0] in by_conda]
            kept_conda.keep(self.prefix, self._aside_of_conda(journal), {*changing, *journal.conda_reinstall})
        return ""

    def _removed(self, journal: Journal, names: Iterable[str]) -> list[str]:
        """Remove distributions whole; return those of which nothing tells what is theirs."""
        aside = kept.load(self._aside(journal))
        kept.sweep(self.prefix)
        return [name for name in names if not kept.remove(self.prefix, normalise(name), aside)]

    def _uninstall(self, journal: Journal) -> str:
        left = self._removed(journal, journal.pip_uninstall)
        if left and not self._pip("uninstall", "--yes", *left):
            return f"pip could not uninstall {', '.join(left)}."
        return ""

    def _conda(self, journal: Journal) -> str:
        there = self._conda_names()
        removes = [name for name in journal.conda_remove if name in there]
        if removes and not self.conda.show("remove", "--yes", "-p", self.prefix, *removes):
            return f"{self.conda.name} could not remove {', '.join(removes)}."
        # The user's pins are among the specs, as far as the plan does not replace them.
        if journal.conda_install and not self.conda.show(
            "install", "--yes", "--no-pin", "-p", self.prefix, *journal.conda_install
        ):
            return f"{self.conda.name} could not install {', '.join(journal.conda_install)}."
        # What conflicts with them is gone by now.
        if not self._exactly(journal, journal.conda_reinstall):
            return f"{self.conda.name} could not put back {', '.join(journal.conda_reinstall)}."
        return "; ".join(self._whole(journal))

    def _install(self, journal: Journal) -> str:
        self._removed(journal, (parse_requirement(text)[0] for text in (*journal.pip_back, *journal.pip_install)))
        if journal.pip_back and not self._pip("install", "--force-reinstall", "--no-deps", *journal.pip_back):
            return f"pip could not put back {', '.join(journal.pip_back)}."
        wanted = journal.pip_install
        if not wanted and not journal.pip_again:
            return self._lost(journal)
        force = ("--force-reinstall",) if journal.pip_again else ()
        if self._pip("install", *force, *wanted, *journal.pip_again):
            return self._lost(journal)
        # What the plan does not speak of may have another version for the new Python; TensorFlow's own may not.
        loose = [t if t.startswith("tensorflow") else t.split("==")[0] for t in journal.pip_again]
        if journal.pip_again and self._pip("install", *force, *wanted, *loose):
            return ""
        return f"pip could not install {', '.join((*wanted, *journal.pip_again))}."

    @staticmethod
    def _newly_unmet(journal: Journal, env: Environment) -> list[neighbours.Unmet]:
        """Return the demands of pip's packages that are not met, and were before the repair."""
        if journal.unmet_before is None:
            return []
        return [demand for demand in neighbours.unmet(env) if demand.text not in journal.unmet_before]

    def _lost(self, journal: Journal) -> str:
        """Let pip bring what its packages require and conda took away: with conda's TensorFlow go its dependencies."""
        demands = self._newly_unmet(journal, read_prefix(self.prefix, with_machine=False))
        lost = list(dict.fromkeys(demand.requirement for demand in demands if demand.absent))
        return f"pip could not install {', '.join(lost)}." if lost and not self._pip("install", *lost) else ""

    def _judge(self, journal: Journal) -> str:
        after = self.check()
        new = [
            f
            for f in after.findings
            if f.severity == ERROR and (f.code, f.package) not in (*journal.errors_before, ("TFD904", ""))
        ]
        if after.tensorflow is None:
            return "TensorFlow is gone after the repair."
        for text in journal.pip_install:
            name, spec = parse_requirement(text)
            package = after.env.pip(normalise(name))
            if package is None or not versions.contains(spec, package.version):
                return f"pip reported success, but {text} is not what the environment has."
        for name in self._put_in(journal):
            damaged = kept.damages(self.prefix, name)
            if damaged:
                path = os.path.relpath(damaged[0].recorded.path, self.prefix)
                return f"{path} is not what {name} recorded ({damaged[0].kind})."
        unmet = self._newly_unmet(journal, after.env)
        if unmet:
            return f"The environment got worse: {unmet[0].text}."
        if new and len(_errors(after)) >= len(journal.errors_before):
            return f"The environment got worse: {new[0].code}: {new[0].message}"
        return ""

    @staticmethod
    def _put_in(journal: Journal) -> list[str]:
        return [normalise(parse_requirement(text)[0]) for text in (*journal.pip_install, *journal.pip_back)]

    def _pins(self, journal: Journal) -> str:
        if journal.pinned is not None and journal.pinned != pinned.read(self.prefix):
            pinned.write(self.prefix, journal.pinned)
        return ""

    def _conda_names(self) -> set[str]:
        try:
            files = os.listdir(os.path.join(self.prefix, "conda-meta"))
        except OSError:
            return set()
        return {file[:-5].rsplit("-", 2)[0] for file in files if file.endswith(".json") and file.count("-") >= 2}

    # Back

    def undo(self, journal: Journal, reason: str) -> Outcome:
        """Take everything back that was done, and say so."""
        self.say(reason)
        self.say("Taking it back …")
        self._cleaned(journal)
        journal = journal.at(UNDOING, self.prefix)
        kept_conda.begin_back(self.prefix, self._aside_of_conda(journal))
        problems = [*self._conda_back(journal), *self._pip_back(journal)]
        if journal.pinned is not None and pinned.read(self.prefix) != (journal.pinned_before or ""):
            pinned.undo(self.prefix, journal.pinned_before)
        if problems:
            after = self.check()
            message = (
                f"{reason} Not everything could be taken back: {'; '.join(problems)}. Run `fix` again to go on with it."
            )
            return Outcome(False, after, message)
        journals.forget(self.prefix, journal)
        journals.close(self.prefix)
        return Outcome(False, self.check(), f"{reason} Everything was taken back.", undone=True)
