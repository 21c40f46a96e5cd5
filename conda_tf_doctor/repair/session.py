"""``fix`` for one environment: look for an interrupted repair, plan, show, ask, then write the pins or apply."""

from __future__ import annotations

import os
import stat
import sys
from os import fstat
from typing import TYPE_CHECKING, Any, NamedTuple

from ..engine.diagnose import diagnose
from ..engine.diagnosis import Diagnosis
from ..environment.prefix import read_prefix
from ..errors import UsageError
from ..programs import spoken
from ..render.text import of_door
from ..safely import safe
from ..shell import command_line
from . import apply, atomic, children, journal, pinned
from .candidates import catalogue_of
from .conda import Conda, check_writable, connect, find_conda, require
from .demands import Demands
from .plan import Plan
from .planner import Planner
from .preflight import obstacle
from .show import document, render, unified
from .verify import verified_plan

if TYPE_CHECKING:
    from ..environment.facts import Environment
    from ..matrix.matrix import Matrix
    from ..render.text import Style


class Wishes(NamedTuple):
    """How ``fix`` was called.

    Attributes:
        door: ``conda`` or ``console``.
        demands: What the user asked for.
        ignore: Silenced codes.
        apply: Whether the environment is to be brought to the pins.
        undo: Whether the last change is to be taken back.
        history: Whether the changes that can be taken back are to be listed.
        dry_run: Whether nothing may be written.
        yes: Whether nothing is asked.
        json: Whether standard output is one document.
        quiet: Whether progress is kept back.
        offline: Whether neither channels nor index may be asked.
        strict: Whether conda's channel priority is strict.
    """

    door: str
    demands: Demands
    ignore: frozenset[str]
    apply: bool = False
    undo: bool = False
    history: bool = False
    dry_run: bool = False
    yes: bool = False
    json: bool = False
    quiet: bool = False
    offline: bool = False
    strict: bool = False

    @property
    def program(self) -> tuple[str, ...]:
        """How ``fix`` is typed at this door."""
        return (*of_door(self.door), "fix")


class Result(NamedTuple):
    """What came of one environment: the exit status and the JSON document."""

    status: int
    document: dict[str, Any]


class Session:
    """Repairs one environment.

    Args:
        prefix: The environment.
        matrix: The compatibility matrix.
        wishes: How ``fix`` was called.
        style: How to write to the screen.
    """

    def __init__(self, prefix: str, matrix: Matrix, wishes: Wishes, style: Style) -> None:
        self.prefix, self.matrix, self.wishes, self.style = prefix, matrix, wishes, style

    def say(self, text: str) -> None:
        """Tell the user a line; with ``--json`` on standard error."""
        if self.wishes.json:
            if not self.wishes.quiet:
                print(safe(text), file=sys.stderr)
        else:
            self.style.write(safe(text) + "\n")

    def ask(self, question: str) -> bool:
        """Ask yes or no; without a terminal, or with ``--json``, the answer is no."""
        if self.wishes.yes:
            return True
        if self.wishes.json or (not sys.stdin.isatty() and not _has_input()):
            return False
        self.style.write(f"{question} [y/N] ")
        sys.stdout.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def declined(self) -> str:
        """Return what is said where the answer was no, or nobody could be asked."""
        nobody = self.wishes.json or not (sys.stdin.isatty() or _has_input())
        return "Nothing was written; --yes agrees to it in advance." if nobody else "Nothing was written."

    def tell_unknown(self, env: Environment) -> None:
        """Say which packages are to be kept that are not there: a name may be mistyped."""
        for name in sorted(self.wishes.demands.keep):
            if env.package(name) is None:
                print(f"--keep {safe(name)}: {safe(self.prefix)} has no such package.", file=sys.stderr)

    def diagnosis(self) -> Diagnosis:
        """Return the diagnosis of what is on the disk now."""
        return diagnose(read_prefix(self.prefix), self.matrix, self.wishes.ignore)

    def run(self) -> Result:
        """Repair the environment.

        Raises:
            UsageError: It cannot be read, another repair is at work, or there is nothing to repair.
        """
        if self.wishes.history:
            return self._history()
        env = read_prefix(self.prefix)
        self.tell_unknown(env)
        refusal = "" if self.wishes.dry_run else check_writable(self.prefix)
        if refusal:
            return self._refused(refusal, Diagnosis(env, None, ()))
        if self.wishes.dry_run:
            if journal.load(self.prefix) is not None:
                self.say("A repair of this environment was interrupted; the next `fix` without --dry-run finishes it.")
            return self._repair()
        meta = journal.folder_of(self.prefix)
        with atomic.locked(meta):
            for path in (pinned.NAME, journal.NAME):
                atomic.sweep(meta, os.path.basename(path))
            interrupted = journal.load(self.prefix)
            journal.sweep(self.prefix, () if interrupted is None else (interrupted,))
            if interrupted is not None:
                return self._resume(interrupted)
            if self.wishes.undo:
                return self._undo()
            return self._repair()

    # An interrupted repair

    def _conda(self, platform: str, record: journal.Journal) -> Conda | None:
        """Return the conda to apply with; a venv has none, and what pip alone changes needs none.

        Raises:
            UsageError: One is needed, and there is none.
        """
        if not os.path.isdir(os.path.join(self.prefix, "conda-meta")):
            return None
        conda = connect(self.wishes.door, platform, self.wishes.json or self.wishes.quiet)
        return require(conda) if record.conda_install or record.conda_remove or record.conda_reinstall else conda

    def _resume(self, found: journal.Journal) -> Result:
        conda = self._conda(read_prefix(self.prefix).platform, found)
        self.say(f"A repair of {found.started} was interrupted in the step {found.step!r}.")
        before = self.diagnosis()
        if found.step != journal.UNDOING and not self.wishes.undo:
            steps = apply.commands(found, self.prefix)
            program = find_conda(self.wishes.door)
            for line in ("To finish it, this runs:", *(f"  {command_line(spoken(s, program))}" for s in steps)):
                self.say(line)
        applier = apply.Applier(self.prefix, conda, self.diagnosis, self.say, self.wishes.json or self.wishes.quiet)
        if self.wishes.undo:
            outcome = applier.undo(found, "The interrupted repair is undone.")
            result = self._done(Plan(before, outcome.after, {}, ()), outcome, [])
            # It was asked for, so it went well, whatever was broken before.
            return Result(0 if outcome.undone else 1, {**result.document, "ok": outcome.undone})
        if found.step == journal.UNDOING or self.ask("Finish it?"):
            outcome = self._carried_out(applier, found)
        else:
            return self._refused("Nothing was done; finish it with --yes, or take it back with --undo.", before)
        return self._done(Plan(before, outcome.after, {}, ()), outcome, [])

    def _undo(self) -> Result:
        done = journal.history(self.prefix)
        if not done:
            raise UsageError(f"There is nothing to undo in {self.prefix}: `fix` has changed nothing there.")
        last, before = done[0], self.diagnosis()
        old = pinned.read(self.prefix)
        conda = self._conda(before.env.platform, last)
        quiet = self.wishes.json or self.wishes.quiet
        applier = apply.Applier(self.prefix, conda, self.diagnosis, self.say, quiet)
        outcome = applier.undo(last, f"The repair of {when(last)} is undone.")
        diff = unified(old, pinned.read(self.prefix), pinned.NAME)
        self.say(outcome.message)
        made = document(
            Plan(before, outcome.after, {}, ()), self.prefix, "prefix", (), diff, written=bool(diff),
            applied=bool(last.changes), message=outcome.message, ok=outcome.undone,
        )  # fmt: skip
        return Result(0 if outcome.undone else 1, made)

    def _history(self) -> Result:
        done = journal.history(self.prefix)
        rows = [{"started": each.started, "changes": list(each.changes)} for each in done]
        if not self.wishes.json:
            lines = [f"{when(each)}  {', '.join(map(change_text, each.changes))}" for each in done]
            self.style.write("\n".join(lines or ["`fix` has changed nothing here that could be taken back."]) + "\n")
        target = {"kind": "prefix", "path": self.prefix, "platform": None}
        return Result(0, {"schema_version": 1, "target": target, "repairs": rows, "ok": True})

    # A new one

    def _plan(self, text: str) -> Plan:
        env = read_prefix(self.prefix)
        conda = None if self.wishes.offline else connect(self.wishes.door, env.platform, True)
        catalogue = catalogue_of(env, self.matrix, conda.search if conda else None)
        planner = Planner(env, self.matrix, self.wishes.ignore, self.wishes.demands, catalogue)
        if self.wishes.offline:
            # pip is asked as little as conda: it would look into its index.
            plan = planner.plan()
            return plan._replace(unverified="--offline was given" if plan.edits else "")
        return verified_plan(planner, conda, self.prefix, self._users_pins(text))

    def _users_pins(self, text: str) -> list[str]:
        """Return the user's own pins on packages that are installed; a solve has to honour them."""
        env = read_prefix(self.prefix, with_machine=False)
        return [pin.text for pin in pinned.users_pins(text) if env.conda(pin.name) is not None]

    def _repair(self) -> Result:
        text, begun = pinned.read(self.prefix), len(children.ran)
        plan = self._plan(text)
        clashes = pinned.clashes(text, plan) if plan.conflict is None else []
        new = pinned.rewritten(text, plan, clashes) if plan.conflict is None else text
        diff = unified(text, new, pinned.NAME)
        env = plan.before.env
        kept = [pin for pin in self._users_pins(text) if not any(pin == clash.pin.text for clash in clashes)]
        record = apply.draft(plan, env, -1, new if new != text else None, kept, pinned.before(self.prefix))
        program = find_conda(self.wishes.door)
        commands = [list(spoken(command, program)) for command in apply.commands(record, self.prefix)]
        if not self.wishes.json:
            self.style.write(
                render(
                    plan, self.prefix, self.style, commands, diff, [*self.wishes.program, "--apply", "-p", self.prefix]
                )
            )
        if plan.conflict is not None:
            return self._refused("There is no plan that satisfies everything.", plan.before, plan, tell=False)
        for clash in clashes:
            self.say(
                f"Your pin {clash.pin.text!r} (line {clash.pin.line} of {pinned.NAME}) conflicts with "
                f"{clash.package} {clash.wanted or '(removed)'}."
            )
        common = {"commands": commands, "diff": diff}
        if self.wishes.dry_run:
            made = document(plan, self.prefix, "prefix", **common, message="Nothing was written.")  # type: ignore[arg-type]
            executed = dict.fromkeys(map(tuple, children.ran[begun:]))
            made["executed"] = list(map(list, executed))
            if executed and not self.wishes.json and not self.wishes.quiet:
                for line in ("To find this plan, these were run; none changes anything:", *map(command_line, executed)):
                    self.say(line if line[-1:] == ":" else f"  {line}")
            return Result(0 if plan.ok else 1, made)
        if clashes and (self.wishes.yes or not self.ask("Set your pin aside as a comment?")):
            return self._refused("Your own pins were not touched, so nothing was written.", plan.before, plan, diff)
        if not plan.edits or (new == text and not self.wishes.apply):
            message = ""
            if plan.conda_edits:
                message = "The pins say so already; --apply brings the environment to them."
            elif plan.edits:
                message = (
                    "Nothing was written: pins are for conda's packages, and these are pip's; --apply installs them."
                )
            if message:
                self.say(message)
            made = document(plan, self.prefix, "prefix", **common, message=message)  # type: ignore[arg-type]
            return Result(0 if plan.ok else 1, made)
        if not self.ask("Apply this?" if self.wishes.apply else f"Write {pinned.NAME}?"):
            return self._refused(self.declined(), plan.before, plan, diff)
        if self.wishes.apply:
            return self._apply(plan, record, common)
        return self._write(plan, new, record, common)

    def _write(self, plan: Plan, new: str, record: journal.Journal, common: dict[str, Any]) -> Result:
        only_pins = record._replace(
            conda_install=(), conda_remove=(), conda_reinstall=(), pip_install=(), pip_again=(), pip_uninstall=(),
            pip_back=(), conda_after=record.conda_before, pip_after=record.pip_before,
        )  # fmt: skip
        try:
            # Filed first: killed in between, undoing finds the pins as they were.
            journal.file(self.prefix, only_pins)
            pinned.write(self.prefix, new)
        except OSError as error:
            journal.forget(self.prefix, record)
            message = f"{pinned.path_of(self.prefix)} could not be written ({error.strerror}); it is as it was."
            return self._refused(message, plan.before, plan, common["diff"])
        message = (
            f"Written: {pinned.path_of(self.prefix)}. The packages are as they were; --apply brings them to the pins."
        )
        self.say(message)
        made = document(
            plan, self.prefix, "prefix", **common, written=True, message=message,
            findings_after=plan.before.findings,
        )  # fmt: skip
        return Result(0 if plan.ok else 1, made)

    def _apply(self, plan: Plan, record: journal.Journal, common: dict[str, Any]) -> Result:
        why = obstacle(self.prefix, record, plan)
        if why:
            return self._refused(f"Nothing was changed: {why}", plan.before, plan, common["diff"])
        quiet = self.wishes.json or self.wishes.quiet
        conda = self._conda(plan.before.env.platform, record)
        record = record._replace(revision=conda.revision(self.prefix) if conda else -1)
        applier = apply.Applier(self.prefix, conda, self.diagnosis, self.say, quiet)
        outcome = self._carried_out(applier, record)
        return self._done(plan, outcome, common["commands"], common["diff"])

    def _carried_out(self, applier: apply.Applier, record: journal.Journal) -> apply.Outcome:
        try:
            return applier.run(record)
        except OSError as error:
            # A full disk, most likely: the journal still says where to go on.
            reason = error.strerror or str(error)
            message = f"The repair stopped ({reason}); run `fix` again to finish it, or `fix --undo` to take it back."
            if journal.load(self.prefix) is None:
                message = f"The repair could not begin ({reason}); nothing was changed."
            return apply.Outcome(False, self.diagnosis(), message)
        except KeyboardInterrupt:
            self.say("Interrupted; run `fix` again to finish the repair, or `fix --undo` to take it back.")
            raise

    # How it ends

    def _done(self, plan: Plan, outcome: apply.Outcome, commands: list[list[str]], diff: str = "") -> Result:
        errors = outcome.after.count("error")
        ok = outcome.ok and errors == 0 and not outcome.after.failed
        message = outcome.message
        if outcome.ok and errors:
            message += (
                f" {errors} error{'s' if errors > 1 else ''} remain{'' if errors > 1 else 's'}; `check` tells which."
            )
        elif outcome.ok and outcome.after.failed:
            message += " Not everything could be checked afterwards; `check` tells what."
        self.say(message)
        made = document(
            plan, self.prefix, "prefix", commands, diff, applied=outcome.ok, written=outcome.ok and bool(diff),
            message=message, ok=ok, findings_after=outcome.after.findings,
        )  # fmt: skip
        return Result(0 if ok else 1, made)

    def _refused(
        self, message: str, before: Diagnosis, plan: Plan | None = None, diff: str = "", tell: bool = True
    ) -> Result:
        if tell:
            self.say(message)
        plan = plan or Plan(before, before, {}, ())
        made = document(
            plan, self.prefix, "prefix", (), diff, message=message, ok=False, findings_after=before.findings
        )
        return Result(1, made)


def when(record: journal.Journal) -> str:
    """Return when a repair began, to the second."""
    return record.started.partition(".")[0].replace("T", " ")


def change_text(change: dict[str, Any]) -> str:
    """Return one change of a repair as text: the package, and its versions before and after."""
    if change.get("reinstall"):
        return f"{change['package']} {change['from']}: its files put back"
    return f"{change['package']} {change['from'] or '(not there)'} -> {change['to'] or 'removed'}"


def _has_input() -> bool:
    """Tell whether something is piped in that may answer."""
    try:
        mode = fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def unreadable(prefix: str, error: UsageError) -> Result:
    """Return the result for an environment that cannot be worked on, for ``--all-envs``."""
    return Result(
        1, {"schema_version": 1, "target": {"kind": "prefix", "path": prefix}, "ok": False, "error": str(error)}
    )
