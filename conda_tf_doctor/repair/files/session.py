"""``fix --file``: plan for what a file asks for, and change the versions in it that have to change."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from ...engine.diagnose import diagnose
from ...environment.facts import CONDA, IN_ITSELF, PIP, Environment
from ...environment.files import read_file
from ...errors import UsageError
from ...findings import ERROR, WARNING
from .. import atomic
from ..candidates import Catalogue, catalogue_of
from ..conda import connect
from ..plan import Change, Plan
from ..session import Result, Session
from ..show import document, render, unified
from .asked import confirmed
from .edit import edited, effective, followers, load, places, unreadable
from .entry import Listing
from .leftopen import left_open, not_for_pip
from .narrow import plan_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...engine.diagnosis import Diagnosis
    from ...findings import Finding
    from ...matrix.matrix import Matrix
    from ...render.text import Style
    from ..conda import Conda
    from ..session import Wishes


class FileSession:
    """Repairs one file.

    Args:
        path: The file.
        platform: What it is for; empty for what it tells itself, or this machine.
        output: Where the repaired text goes; empty for the file itself, ``-`` for standard output.
        matrix: The compatibility matrix.
        wishes: How ``fix`` was called.
        style: How to write to the screen.
    """

    def __init__(self, path: str, platform: str, output: str, matrix: Matrix, wishes: Wishes, style: Style) -> None:
        self.path, self.platform, self.output = path, platform, output
        self.matrix, self.wishes, self.style = matrix, wishes, style
        self.conda: Conda | None = None

    def run(self, only_diff: bool = False) -> Result:
        """Plan, show, ask and write.

        Raises:
            UsageError: The file cannot be read, is of a kind that is not edited, or asks for no TensorFlow.
        """
        if self.path == "-":
            raise UsageError("Standard input cannot be repaired; name a file, and --output - to print the result.")
        env = read_file(self.path, self.platform, self.wishes.strict)
        if env.by_hand == IN_ITSELF:
            return self._by_hand(env, only_diff)
        if env.by_hand[0]:
            again = f", and make it again: {env.by_hand[1]}" if env.by_hand[1] else ""
            raise UsageError(f"{self.path} lists one exact solution; repair {env.by_hand[0]}{again}.")
        Session(self.path, self.matrix, self.wishes, self.style).tell_unknown(env)
        if env.listed and any(f.severity == ERROR for f in diagnose(env, self.matrix, self.wishes.ignore).findings):
            raise UsageError(
                f"{self.path} lists what is installed, and repairing the list would install nothing; `check` prints "
                "the commands for that environment, and there `fix -p PATH` plans the smallest change."
            )
        listing = load(self.path, env.platform, env.python.version)
        plan = effective(listing, self.plan(env, listing.managers))
        self._refuse_included(plan, listing)
        new = edited(listing, plan) if plan.conflict is None else listing.text
        if plan.edits and plan.conflict is None:
            plan = self._checked(plan, listing, new)
            plan = plan if self.wishes.offline else confirmed(plan, new, self.conda)
        placed = [each for change in plan.changes for each in self._placed(change, plan, listing)]
        respelled = self._respelled(plan, listing) if plan.conflict is None else []
        plan = plan._replace(changes=(*placed, *respelled))
        diff = unified(listing.text, new, self.path)
        quiet = only_diff or self.wishes.json or self.output == "-"
        if not quiet:
            self.style.write(render(plan, self.path, self.style, (), diff, self._command(), self._open(plan)))
        if only_diff:
            self.style.write(diff, verbatim=True)
        return self._finish(plan, listing, new, diff, quiet)

    def _by_hand(self, env: Environment, only_diff: bool) -> Result:
        """Say that nothing has to change in a file of a form that is not edited.

        Raises:
            UsageError: Something has to, or the user asks for something: it says what to write.
        """
        before = diagnose(env, self.matrix, self.wishes.ignore)
        amiss = [f for f in before.findings if f.severity in (ERROR, WARNING)]
        asked = self.wishes.demands
        if amiss or asked.to or asked.without or self.output:
            write = list(dict.fromkeys(text for f in amiss if f.severity == ERROR for text in f.fix.pip or f.fix.pins))
            known = f"write into it by hand: {', '.join(write)}"
            what = known if write else "`check` names the versions to write into it"
            raise UsageError(f"{self.path} is of a form that is not edited here; {what}.")
        plan = Plan(before, before, {}, ())
        if not (only_diff or self.wishes.json):
            self.style.write(render(plan, self.path, self.style))
        return self._finish(plan, Listing(self.path, "", "utf-8", [], {}), "", "", only_diff or self.wishes.json)

    def _refuse_included(self, plan: Plan, listing: Listing) -> None:
        """Refuse what stands in another file, which this one includes (``-r base.txt``).

        Raises:
            UsageError: It says which file that is.
        """
        for edit in plan.edits.values():
            env = plan.before.env
            package = env.pip(edit.name) if edit.manager != CONDA else env.conda(edit.name)
            source = package.source.split(": ")[0] if package is not None else ""
            elsewhere = source and os.path.abspath(source) != os.path.abspath(self.path)
            if package is not None and elsewhere and not places(listing, edit):
                what = "go" if edit.removes else f"become {edit.pin}"
                raise UsageError(
                    f"{edit.spelled} has to {what}, and stands in {package.source}, which {self.path} includes; "
                    "change it there. Nothing was written."
                )

    def _open(self, plan: Plan) -> list[Finding]:
        env = plan.after.env
        return left_open(env, self.matrix, Catalogue(self.matrix, env.platform))

    def _command(self) -> list[str]:
        platform = ["--platform", self.platform] if self.platform else []
        return [*self.wishes.program, "--file", self.path, *platform]

    def plan(self, env: Environment, managers: Iterable[str] = (CONDA, PIP)) -> Plan:
        """Return the plan for what a file asks for; only these managers' packages can be added to it."""
        conda = None if self.wishes.offline else connect(self.wishes.door, env.platform, True)
        catalogue = catalogue_of(env, self.matrix, conda.search if conda else None)
        plan = plan_for(env, self.matrix, self.wishes.ignore, self.wishes.demands, catalogue, managers)
        of_conda = plan.conda_edits
        asked = [edit for edit in of_conda if catalogue.from_channels(edit.spelled) is not None]
        self.conda = conda if asked else None
        if self.wishes.offline and plan.edits:
            return plan._replace(unverified="neither channels nor index were asked")
        if len(asked) == len(of_conda):
            return plan._replace(verified="the channels" if asked else "")
        if asked:
            return plan._replace(unverified="only versions that the channels list were looked at, nothing was solved")
        why = f"{conda.name} could not be asked" if conda else "there is no conda to ask"
        return plan._replace(unverified=f"{why} what the channels have")

    def _checked(self, plan: Plan, listing: Listing, new: str) -> Plan:
        """Read the new text as ``check --file`` will, and hold it to what the plan promises.

        Raises:
            UsageError: It does not say what it should; nothing was written.
        """
        # In the same folder, for what it includes by relative paths.
        folder = os.path.dirname(os.path.abspath(self.path))
        suffix = os.path.basename(self.path)
        where = folder if os.access(folder, os.W_OK) else None
        handle, scratch = tempfile.mkstemp(prefix=".tf-doctor-", suffix=suffix, dir=where)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(new.encode(listing.encoding, "surrogatepass"))
            after = self._diagnosed(scratch, plan.before.env.platform)
        finally:
            os.unlink(scratch)
        after.env.path = plan.before.env.path
        announced = {(f.code, f.package) for f in plan.announced}
        left = [f for f in after.findings if f.severity == ERROR and (f.code, f.package) not in announced]
        if left:
            planned = ", ".join(f"{c.package} {c.before} -> {c.after or 'removed'}" for c in plan.changes)
            raise UsageError(
                f"{self.path} cannot be repaired by changing versions in place: {left[0].message} "
                f"Nothing was written; the plan is {planned}: change it by hand."
            )
        return plan._replace(after=after)

    def _diagnosed(self, path: str, platform: str) -> Diagnosis:
        return diagnose(read_file(path, platform, self.wishes.strict), self.matrix, self.wishes.ignore)

    def _placed(self, change: Change, plan: Plan, listing: Listing) -> list[Change]:
        """Return a change with the line it is made in, and what moves along in lines of its own."""
        edit = next(e for e in plan.edits.values() if e.spelled == change.package and e.manager == change.where)
        found = []
        for each in (edit, *followers(listing, edit)):
            entries = places(listing, each)
            where = f"{os.path.basename(self.path)}:{entries[0].line}" if entries else f"{change.where} (new)"
            found.append(change._replace(package=each.spelled, pin=change.pin and each.pin, where=where))
        return found

    def _respelled(self, plan: Plan, listing: Listing) -> list[Change]:
        """Return the lines that keep their version and get what pip reads; the plan's own are written so anyway."""
        found = {f.package: f for f in not_for_pip(plan.before.env)}
        planned = {edit.name for edit in plan.edits.values() if edit.manager == PIP}
        changes = []
        for entry in unreadable(listing):
            finding = found.get(entry.name)
            if finding is not None and entry.name not in planned and entry.applies:
                version = finding.accepts.removeprefix("==")
                where = f"{os.path.basename(self.path)}:{entry.line}"
                change = Change(entry.name, version, version, where, finding.expected, (finding.code,), finding.message)
                changes.append(change)
        return changes

    def _finish(self, plan: Plan, listing: Listing, new: str, diff: str, quiet: bool) -> Result:
        asking = Session(self.path, self.matrix, self.wishes, self.style)
        status = 0 if plan.ok else 1
        message, written, told = "", False, False
        if plan.conflict is not None:
            message, told = "There is no plan that satisfies everything.", True
        elif self.wishes.dry_run:
            message = "Nothing was written."
        elif self.output == "-":
            self.style.write(new, verbatim=True)
            written = True
        elif new != listing.text or self.output:
            target = self.output or self.path
            if self.output or asking.ask(f"Write {target}?"):
                written, message = self._write(target, new, listing)
                status = status if written else 1
            else:
                message, status = asking.declined(), 1
        if message and not quiet and not told:
            asking.say(message)
        made = document(
            plan, self.path, "file", (), diff, written=written, message=message, ok=status == 0,
        )  # fmt: skip
        return Result(status, made)

    def _write(self, target: str, new: str, listing: Listing) -> tuple[bool, str]:
        try:
            atomic.write(target, new.encode(listing.encoding, "surrogatepass"))
        except OSError as error:
            return False, f"{target} could not be written ({error.strerror}); it is as it was."
        return True, f"Written: {target}."
