"""What a repair consists of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..environment.facts import CONDA, PIP

if TYPE_CHECKING:
    from ..engine.diagnosis import Diagnosis
    from ..findings import Finding

SCHEMA_VERSION = 1

Key = tuple[str, str]


class Edit(NamedTuple):
    """One package that a plan changes; the planner's own form of it.

    Attributes:
        manager: ``conda`` or ``pip``.
        name: Normalised name.
        spelled: As that manager spells it (``vc14_runtime``).
        specs: What the package has to satisfy: version parts of MatchSpecs for conda, PEP 440 specifier sets for pip.
        version: The version that the plan expects; empty where the package goes.
        codes: Rules that ask for it; ``--to`` where the user does.
        reinstall: Whether the version stays and only the files are put back.
        follows: Packages that move along by themselves: TensorFlow's own parts.
        also: MatchSpecs that have to go with it (``cuda-version 11.2.*`` with cudatoolkit).
        back: pip requirements whose files have to be put back afterwards, as removing this takes them away.
        alone: Whether pip installs it without what it requires, which would bring TensorFlow under another name.
        bare: Whether it loses its extras (``[and-cuda]``).
    """

    manager: str
    name: str
    spelled: str
    specs: tuple[str, ...] = ()
    version: str = ""
    codes: tuple[str, ...] = ()
    reinstall: bool = False
    follows: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    bare: bool = False
    alone: bool = False

    @property
    def key(self) -> Key:
        """What tells it from every other edit of a plan."""
        return self.manager, self.name

    @property
    def removes(self) -> bool:
        """Whether the package goes."""
        return not self.version and not self.specs and not self.reinstall and not self.bare

    @property
    def spec(self) -> str:
        """All that it has to satisfy, in one expression; alternatives get parentheses, so that a comma binds them."""
        specs = list(dict.fromkeys(spec for spec in self.specs if spec))
        if len(specs) > 1:
            specs = [f"({spec})" if "|" in spec else spec for spec in specs]
        return ",".join(
            dict.fromkeys(term for spec in specs for term in (spec.split(",") if "|" not in spec else [spec]))
        )

    @property
    def pin(self) -> str:
        """The MatchSpec for conda, or the PEP 508 requirement for pip."""
        if self.manager == PIP:
            return f"{self.spelled}{self.spec or (f'=={self.version}' if self.version else '')}"
        return f"{self.spelled} {self.spec or self.version}".strip()


Edits = Mapping[Key, Edit]


def predecessor(edit: Edit, edits: Edits) -> Edit | None:
    """Return what goes because it is to be had as another package alone, where that is this one; else ``None``."""
    goes = (e for e in edits.values() if e.removes and e.manager == edit.manager and "TFD103" in e.codes)
    return None if edit.removes or "TFD103" not in edit.codes else next(goes, None)


class Change(NamedTuple):
    """One line of a plan, for people and machines.

    Attributes:
        package: As its manager spells it.
        before: Version now; empty where it is not there.
        after: Version that the plan expects; empty where it goes.
        where: ``conda``, ``pip``, or ``file:line`` of the entry.
        pin: What is asked for (``numpy >=1.20,<2``); empty where the package goes.
        rules: Codes of the rules that ask for it; ``--to`` where the user does.
        why: One sentence.
        reinstall: Whether only its files are put back.
    """

    package: str
    before: str
    after: str
    where: str
    pin: str
    rules: tuple[str, ...]
    why: str
    reinstall: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the entry of the JSON contract."""
        return {
            "package": self.package,
            "from": self.before or None,
            "to": self.after or None,
            "where": self.where,
            "pin": self.pin or None,
            "rules": list(self.rules),
            "why": self.why,
            "reinstall": self.reinstall,
        }


class Conflict(NamedTuple):
    """Demands that cannot all be met.

    Attributes:
        demands: As the user gave them, or as the environment makes them (``the GPU``).
        why: The finding that stays while all are kept.
        ways: For each demand what giving it up allows.
    """

    demands: tuple[str, ...]
    why: str
    ways: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"demands": list(self.demands), "why": self.why, "ways": list(self.ways)}


class Move(NamedTuple):
    """What conda or pip changes of its own besides what a plan tells it to.

    Attributes:
        manager: Whose package it is.
        name: Its name.
        old: Its version before; empty where it is new.
        new: Its version then; empty where it goes.
    """

    manager: str
    name: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.name} {self.old or '(new)'} -> {self.new or 'removed'}"


class Plan(NamedTuple):
    """What to change, and what comes of it.

    Attributes:
        before: The diagnosis now.
        after: The diagnosis of the facts as they will be.
        edits: The changes in the planner's form.
        changes: The changes, one line each.
        announced: Errors that no change of packages can repair.
        conflict: Why there is no plan; ``None`` where there is one.
        verified: Who confirmed that the plan can be installed; empty where nobody did.
        unverified: Why nobody could confirm it; empty where somebody did, or nothing is to be confirmed.
        moves: What conda and pip change besides.
        unreachable: Why nothing can be installed at present; empty where that is not known.
        held: MatchSpecs of what conda would move along, though nobody asked for that.
    """

    before: Diagnosis
    after: Diagnosis
    edits: Edits
    changes: tuple[Change, ...]
    announced: tuple[Finding, ...] = ()
    conflict: Conflict | None = None
    verified: str = ""
    unverified: str = ""
    moves: tuple[Move, ...] = ()
    unreachable: str = ""
    held: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing at severity error is left when it is carried out, as far as every rule could be asked."""
        return self.conflict is None and not self.announced and not self.unjudged

    @property
    def unjudged(self) -> tuple[Finding, ...]:
        """The rules of ours that failed: what they look for may be there, before or afterwards."""
        return self.after.failed or self.before.failed

    def of(self, manager: str) -> list[Edit]:
        """Return the edits of one manager, in order."""
        return [edit for edit in self.edits.values() if edit.manager == manager]

    @property
    def conda_edits(self) -> list[Edit]:
        """What conda has to do."""
        return self.of(CONDA)

    @property
    def pip_edits(self) -> list[Edit]:
        """What pip has to do."""
        return self.of(PIP)
