"""The one result type: what a rule found, how sure it is, and what repairs it.

Plain :class:`typing.NamedTuple` classes, here and in the facts: importing ``dataclasses`` pulls in ``inspect`` and
costs as much time as starting Python, and ``check`` has two and a half times that for everything.
"""

from __future__ import annotations

from ._typing import TYPE_CHECKING, Any, NamedTuple
from .codes import A_FILE, A_PART, BINARIES, BY_ONE_DISTRIBUTION, BY_ONE_MANAGER, NEXT_CHANGE, ROWS
from .names import normalise, parse_requirement

if TYPE_CHECKING:
    from collections.abc import Iterable

ERROR = "error"
WARNING = "warning"
INFO = "info"
SEVERITIES = (ERROR, WARNING, INFO)
# The worst is 0.
RANKS = {severity: rank for rank, severity in enumerate(SEVERITIES)}

CERTAIN = "certain"
LIKELY = "likely"
POSSIBLE = "possible"
CONFIDENCES = (CERTAIN, LIKELY, POSSIBLE)

# Who says it.
RULE, TEXT, OPEN, DISK = "rule", "text", "open", "disk"


class Fix(NamedTuple):
    """What repairs a finding.

    Attributes:
        pins: Conda MatchSpecs (``python >=3.7,<3.11``) that the environment has to satisfy.
        pip: PEP 508 requirements for what pip owns (``numpy<2``).
        commands: Complete commands as argument lists, to be run in order.
        note: One sentence for what no command can do (another machine, a driver).
        reinstall: Packages whose files have to be put back, each as manager and normalised name.
        bare: Normalised names of packages that are to be asked for without their extras.
    """

    pins: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    note: str = ""
    reinstall: tuple[tuple[str, str], ...] = ()
    bare: tuple[str, ...] = ()

    def to_json(self, platform: str = "") -> dict[str, Any]:
        """Return the ``fix`` object of the JSON contract; the command lines are for the shells of a platform."""
        from .shell import command_line

        return {
            "pins": list(self.pins),
            "pip": list(self.pip),
            "commands": [list(command) for command in self.commands],
            "command_lines": [command_line(command, platform) for command in self.commands],
            "note": self.note,
            "reinstall": [list(package) for package in self.reinstall],
        }


class Finding(NamedTuple):
    """One thing a rule found.

    Attributes:
        code: The rule's stable code (``TFD201``).
        severity: ``error``, ``warning`` or ``info``.
        message: One sentence a newcomer understands; names the packages and versions involved.
        found: What is there.
        expected: What has to be there (a range, a list, a sentence).
        evidence: The files or facts that show it, relative to the prefix where possible.
        source: Where the expectation comes from: a matrix row id, or a file.
        fix: What repairs it.
        package: The package to blame (normalised name), for ranking and repair.
        confidence: ``certain``, ``likely`` or ``possible``.
        needs: Facts that are missing and would decide, each with the way to get it.
        origin: Who says it: a rule, the error text, a rule that lacks a fact, or one that was on the disk.
        accepts: The range of what it is about that would do, without words around it: PEP 440's, or conda's for what
            conda alone has. Empty where it is no range.
        absent: Whether what it is about is not there at all.
        known: Whether it was seen to fail (a row of what works says so), and is not only declared.
        beside: Normalised names of the packages, other than TensorFlow, with which ``package`` does not work.
        declared: What TensorFlow declares for ``package``, where an installer refuses it as well; empty where not.
        if_seen: What the message becomes where the user saw it fail; empty where it stays.
    """

    code: str
    severity: str
    message: str
    found: str = ""
    expected: str = ""
    evidence: tuple[str, ...] = ()
    source: str = ""
    fix: Fix = Fix()
    package: str = ""
    confidence: str = CERTAIN
    needs: tuple[str, ...] = ()
    origin: str = RULE
    accepts: str = ""
    absent: bool = False
    known: bool = False
    if_seen: str = ""
    beside: tuple[str, ...] = ()
    declared: str = ""

    @property
    def concerns(self) -> tuple[tuple[str, str], ...]:
        """The packages that it is about, by normalised name, each with a range that would do (conda's or PEP 440's)."""
        pins = [text.partition(" ")[::2] for text in self.fix.pins]
        asked = [*pins, *map(parse_requirement, self.fix.pip)]
        declared = [(self.package, self.declared)] if self.declared else []
        return ((self.package, self.accepts), *declared, *((normalise(name), spec) for name, spec in asked))

    @property
    def is_broken(self) -> bool:
        """Whether it is a warning of something that does not work now: `fix` repairs it unasked.

        That is a part of TensorFlow which was seen to fail (``tf.keras``, a plugin, saving ``.h5``), a file that was
        lost, and what the next change of a package breaks.
        """
        broken = ROWS[self.code].broken
        # A plugin that is not there at all is no part that fails.
        part = broken == A_PART and self.known and not (self.absent and not ROWS[self.code].package)
        seen = self.confidence == CERTAIN and (part or broken == A_FILE)
        return self.severity == WARNING and (seen or self.is_fragile)

    @property
    def is_fragile(self) -> bool:
        """Whether it works until the next change of a package: two TensorFlows over each other do."""
        return ROWS[self.code].broken == NEXT_CHANGE

    @property
    def is_open(self) -> bool:
        """Whether it only says what a report does not tell (see :func:`open_question`)."""
        return self.origin == OPEN

    @property
    def name(self) -> str:
        """The rule's stable name (``python-unsupported``)."""
        return ROWS[self.code].name

    def to_json(self, platform: str = "") -> dict[str, Any]:
        """Return the finding as the JSON contract has it.

        Args:
            platform: Whose shells get the commands; this machine's without.
        """
        return {
            "code": self.code,
            "name": self.name,
            "severity": self.severity,
            "message": self.message,
            "found": self.found,
            "expected": self.expected,
            "evidence": list(self.evidence),
            "source": self.source,
            "fix": self.fix.to_json(platform),
            "package": self.package,
            "confidence": self.confidence,
            "needs": list(self.needs),
        }


def open_question(code: str, message: str, expected: str, need: str, source: str, package: str = "") -> Finding:
    """Return what a rule says where a fact is missing that it would need, with the way to find out (``need``)."""
    return Finding(
        code, INFO, message, found="unknown", expected=expected, source=source, package=package,
        confidence=POSSIBLE, needs=(need,), origin=OPEN,
    )  # fmt: skip


def by_cause(findings: Iterable[Finding]) -> list[tuple[Finding, list[Finding]]]:
    """Return the causes in their order, each with the findings that only come of it (see ``Rule.brings``).

    Args:
        findings: The most probable root cause first.
    """
    groups: list[tuple[Finding, list[Finding]]] = []
    for finding in findings:
        group = next((each for each in groups if _comes_of(finding, each[0])), None)
        if group is None:
            groups.append((finding, []))
        else:
            group[1].append(finding)
    return groups


def _comes_of(finding: Finding, cause: Finding) -> bool:
    if finding.severity != cause.severity or finding.is_open or finding.code not in ROWS[cause.code].brings:
        return False
    # Of a damaged file comes what is said of that file, not of another.
    alike = finding.package == cause.package or bool(set(finding.evidence) & set(cause.evidence))
    return alike or ROWS[cause.code].family != BINARIES


def is_of_disk(finding: Finding) -> bool:
    """Tell whether only the files on the disk tell it: what is damaged, written over, or not there at all."""
    row = ROWS[finding.code]
    seen = finding.absent or finding.origin == DISK
    return seen or row.family == BINARIES or row.repair in (BY_ONE_MANAGER, BY_ONE_DISTRIBUTION)
