"""One screen for people: the verdict, which environment, which TensorFlow, what is wrong, what repairs it."""

from __future__ import annotations

from .._typing import TYPE_CHECKING
from ..codes import BY_PACKAGES, ROWS, RULES
from ..findings import CERTAIN, ERROR, INFO, POSSIBLE, WARNING, Finding, by_cause
from ..safely import safe
from ..subdirs import this_platform
from .text import Style, screen_width, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..engine.diagnosis import Diagnosis
    from ..environment.facts import Environment

# Words carry the meaning, colour only adds to it.
_WORDS = {ERROR: "ERROR", WARNING: "WARNING", INFO: "NOTE"}
_SEVERITIES = ((ERROR, "error"), (WARNING, "warning"), (INFO, "note"))
KINDS = {"prefix": "Environment", "report": "Report", "file": "File", "solve": "Transaction"}
# How a note begins that goes on from a finding's commands.
_FOLLOWS = ("Then ", "Or ")
# As `conda doctor` has them, and for consoles that have none of these characters.
_MARKS = {ERROR: ("\u274c", "X "), WARNING: ("\u2757", "! "), INFO: ("\u2754", "? "), "good": ("\u2705", "ok")}


def _header(diagnosis: Diagnosis, style: Style) -> list[str]:
    env, tensorflow = diagnosis.env, diagnosis.tensorflow
    python = f"Python {env.python.version}" if env.python.version else "Python unknown"
    if env.python.bits:
        python += f", {env.python.bits}-bit"
    where = ", ".join(part for part in (env.platform, python) if part)
    lines = _titled(KINDS[env.kind], env.path, where, style)
    if tensorflow is None:
        return [*lines, "TensorFlow: none"]
    asked = tensorflow.package.spec or tensorflow.version or "of any version"
    words = [tensorflow.name, asked if env.kind == "file" else tensorflow.version or "of unknown version"]
    details = [f"build {tensorflow.build}"] if tensorflow.build else []
    if tensorflow.requested:
        details.append("asked for, not installed")
    elif tensorflow.manager:
        details.append(f"{'by' if env.kind == 'file' else 'installed by'} {tensorflow.manager}")
    if tensorflow.channel:
        details.append(f"from {tensorflow.channel}")
    return lines + _titled("TensorFlow", " ".join(words), ", ".join(details), style)


def _titled(title: str, what: str, details: str, style: Style) -> list[str]:
    """Return a line of the header; its details go below where the screen is too narrow for both."""
    first, behind = f"{style.paint('title', title)} {safe(what)}", safe(f"({details})" if details else "")
    if len(title) + len(what) + len(behind) + 2 > screen_width():
        return [first, *([f"  {behind}"] if len(behind) + 2 <= screen_width() else wrapped(behind, "  "))]
    return [f"{first} {behind}".rstrip()]


def _where(diagnosis: Diagnosis, finding: Finding) -> str:
    """Return where in a file a finding is, as editors and terminals open it; nothing for other targets."""
    if diagnosis.env.kind != "file":
        return ""
    from .located import place_of_finding

    place = place_of_finding(diagnosis, finding)
    return f"{place.path}:{place.line}:{place.column}" if place.line else ""


def _finding(
    finding: Finding, style: Style, full: bool, where: str = "", first: Sequence[str] = (), below: bool = False
) -> list[str]:
    lines = ["", f"{style.paint(finding.severity, _WORDS[finding.severity])} {_named(finding)}"]
    if where:
        lines += [f"  {safe(where)}"]
    lines += wrapped(finding.message, "  ")
    if finding.found:
        lines += wrapped(f"found:    {finding.found}", "  ")
    if finding.expected:
        lines += wrapped(f"expected: {finding.expected}", "  ")
    if full and finding.evidence:
        lines += wrapped(f"evidence: {', '.join(finding.evidence)}", "  ")
    if full and finding.source:
        lines += wrapped(f"source:   {finding.source}", "  ")
    for need in finding.needs:
        lines += wrapped(f"to be sure: {need}", "  ")
    lines += [f"  repair: {command}" for command in first]
    if finding.fix.note:
        lines += wrapped(finding.fix.note if first else f"repair: {_alone(finding, below)}", "  ")
    return lines


def _alone(finding: Finding, below: bool) -> str:
    """Return a note without a command above it: one that goes on from them says where they are, or what they bring."""
    fix = finding.fix
    follows = next((word for word in _FOLLOWS if fix.note.startswith(word)), "")
    if not follows:
        return fix.note
    asked = fix.pip or fix.pins
    if below and (asked or fix.commands or fix.reinstall):
        return f"see below. {fix.note}"
    if asked:
        return f"{' and '.join(asked)}. {fix.note}"
    rest = fix.note[len(follows) :]
    return rest[:1].upper() + rest[1:]


def _worst(diagnosis: Diagnosis) -> str:
    """Return the severity of the findings whose commands are the block to type; empty where there is none."""
    return next((s for s in (ERROR, WARNING) if any(f.severity == s for f in diagnosis.findings)), "")


def _goes_first(finding: Finding, diagnosis: Diagnosis) -> list[str]:
    """Return the commands that a note goes on from ("Then …") and that are not in the block to type."""
    follows = finding.fix.note.startswith(_FOLLOWS) and diagnosis.env.kind != "file"
    return _commands([finding], diagnosis.env) if follows and finding.severity != _worst(diagnosis) else []


def _named(finding: Finding) -> str:
    sure = "" if finding.confidence == "certain" else f" ({'possible' if finding.confidence == POSSIBLE else 'likely'})"
    return f"{finding.code} {finding.name}{sure}"


def _commands(findings: Iterable[Finding], env: Environment) -> list[str]:
    from ..advice.block import together
    from ..shell import command_line

    return [safe(command_line(command, env.platform)) for command in together(f.fix for f in findings)]


def _not_of_it(diagnosis: Diagnosis) -> bool:
    """Tell whether the failure of a text is a known one, of which the environment has none of the causes."""
    return any(f.code == "TFD903" and f.confidence == CERTAIN for f in diagnosis.findings)


def _questions(diagnosis: Diagnosis, style: Style, most: int = 3) -> list[str]:
    """Return what to ask whoever wrote a report, what decides most first."""
    asked: dict[str, None] = {}
    for finding in diagnosis.findings:
        if finding.is_open and len(asked) < most:
            asked.update(dict.fromkeys(finding.needs))
    if not asked or diagnosis.count(ERROR) or _not_of_it(diagnosis):
        return []
    return ["", style.paint("title", "To be asked:"), *(line for need in asked for line in wrapped(need, "  "))]


def _repairable(finding: Finding, env: Environment) -> bool:
    """Tell whether ``fix`` can do something about a finding: another version, one owner, or the files put back."""
    fix, row = finding.fix, ROWS[finding.code]
    # In a venv there is nothing but pip, which can bring another TensorFlow for the Python but no other Python.
    pins = fix.pins and ((row.first and row.repair == BY_PACKAGES) or not env.is_venv)
    return bool(pins or fix.pip or fix.reinstall or finding.is_fragile)


def into_file(env: Environment, findings: Iterable[Finding], path: str = "") -> list[str]:
    """Return what to write into a file before anything is installed from it, and what then makes it whole again.

    Args:
        env: The file.
        findings: What is wrong with it.
        path: What the file is called where it is edited itself.
    """
    place, again = env.by_hand
    wanted = dict.fromkeys(text for finding in findings for text in finding.fix.pip or finding.fix.pins)
    said = [safe(f"write into {place or path}: {', '.join(wanted)}")] if wanted else []
    return [*said, *([again] if again else [])]


def repair_lines(diagnosis: Diagnosis) -> list[str]:
    """Return the commands to type: the plan for everything first, then the one block that does it by hand."""
    worst = _worst(diagnosis)
    if not worst:
        return []
    from ..environment.owner import workspace_of
    from ..shell import quoted

    lines = []
    env = diagnosis.env
    repairable = [f for f in diagnosis.findings if f.severity != INFO and _repairable(f, env)]
    # `fix` repairs errors, and what is broken at all, unasked.
    asked = "" if any(f.severity == ERROR or f.is_broken for f in repairable) else " --warnings"
    if repairable and env.kind == "prefix" and (workspace := workspace_of(env.path)):
        lines.append(safe(f"conda-tf-doctor fix{asked} --file {quoted(workspace.manifest)}"))
    elif repairable and env.kind == "prefix":
        lines.append(safe(f"conda-tf-doctor fix --apply{asked} -p {quoted(env.path)}"))
    elif repairable and env.kind == "file" and not env.listed:
        # Nothing is installed yet: what would change an environment is no help.
        if env.by_hand[0]:
            return into_file(env, repairable)
        if not diagnosis.has_plan:
            # What `fix` does not do unasked, a person may; where a note says what there is, that is all.
            return into_file(env, [finding for finding in repairable if not finding.fix.note], env.path)
        where = f" --platform {env.platform}" if env.platform and env.platform != this_platform() else ""
        return [safe(f"conda-tf-doctor fix{asked} --file {quoted(env.path)}{where}")]
    by_hand = _commands([f for f in diagnosis.findings if f.severity == worst], env)
    if lines and by_hand:
        lines.append("or by hand:")
        by_hand = [f"  {command}" for command in by_hand]
    return [*lines, *by_hand]


def render(diagnosis: Diagnosis, style: Style, verbose: int = 0, quiet: bool = False) -> str:
    """Return the screen for one diagnosis.

    Args:
        diagnosis: What the engine found.
        style: How to write.
        verbose: With 1 or more also evidence, sources, notes and a mark for each check.
        quiet: Only findings, and nothing where there are none.
    """
    shown = [f for f in diagnosis.findings if verbose or f.severity != INFO]
    if quiet and not shown:
        return ""
    lines = [] if quiet else [*verdict(diagnosis, style, verbose), *_header(diagnosis, style)]
    if verbose and diagnosis.gpu_wanted:
        lines += wrapped(f"GPU wanted: {diagnosis.gpu_wanted}", "")
    if verbose and diagnosis.row:
        lines += wrapped(f"Matrix row: {diagnosis.row}", "")
    repair = repair_lines(diagnosis)
    for finding, follow in by_cause(shown):
        first = _goes_first(finding, diagnosis)
        below = bool(repair) and finding.severity != INFO
        lines += _finding(finding, style, bool(verbose), _where(diagnosis, finding), first, below)
        for each in follow:
            if verbose:
                lines += [f"  {line}" for line in _finding(each, style, True)[1:]]
            else:
                lines += wrapped(f"with it:  {_named(each)}: {each.message}", "  ")
    if not verbose and not quiet:
        lines += _questions(diagnosis, style)
    if repair:
        lines += ["", style.paint("title", "To repair:"), *(f"  {line}" for line in repair)]
    if shown and shown[0].severity != INFO:
        lines.append(f"More on this: conda-tf-doctor explain {shown[0].code}")
    if verbose and diagnosis.checked:
        lines += ["", style.paint("title", "Checked:"), *_marks(diagnosis, style)]
    return "\n".join(lines).lstrip("\n") + "\n"


def _marks(diagnosis: Diagnosis, style: Style) -> list[str]:
    """Return a mark for each rule that was asked, in the order of the codes, in columns as wide as the longest."""
    marks = dict.fromkeys(diagnosis.checked, "good")
    for finding in reversed(diagnosis.findings):
        if finding.code in RULES:
            marks[finding.code] = finding.severity
    plain = not style.can("".join(fancy for fancy, _ in _MARKS.values()))
    entries = [f"{_MARKS[marks[code]][plain]} {code} {RULES[code]}" for code in sorted(marks)]
    # The marks are two columns wide.
    width = max(map(len, entries)) + (2 if plain else 3)
    across = max(1, (screen_width() - 2) // width)
    down = -(-len(entries) // across)
    rows = [entries[row::down] for row in range(down)]
    return ["  " + "".join(entry.ljust(width - (not plain)) for entry in row).rstrip() for row in rows]


def verdict(diagnosis: Diagnosis, style: Style, verbose: int) -> list[str]:
    """Return the first line: whether it works, and how much is to be said of it."""
    if diagnosis.tensorflow is None and not diagnosis.findings:
        unread = [note.message for note in diagnosis.env.notes]
        if unread:
            return ["No TensorFlow was found, but not everything could be read:", *wrapped(" ".join(unread[:3]), "  ")]
        return ["There is no TensorFlow here, so there is nothing to check."]
    groups = by_cause(diagnosis.findings)
    follow = sum(len(each) for _, each in groups)
    parts = []
    for severity, word in _SEVERITIES:
        count = sum(cause.severity == severity for cause, _ in groups)
        if count:
            parts.append(f"{count} {word}{'s' if count > 1 else ''}")
    if follow:
        parts.append(f"{follow} that {'come' if follow > 1 else 'comes'} with {'them' if len(groups) > 1 else 'it'}")
    if diagnosis.ignored:
        parts.append(f"{diagnosis.ignored} ignored")
    if not parts:
        return [style.paint("good", "OK") + ": nothing is wrong."]
    more = " -v shows the notes." if diagnosis.count(INFO) and not verbose else ""
    counts = ", ".join(parts)
    if diagnosis.ok:
        return [style.paint("good", "OK") + f": no error ({counts}).{more}"]
    if diagnosis.count(ERROR):
        return [style.paint(ERROR, "BROKEN") + f": {counts}.{more}"]
    why = "Not everything was checked" if diagnosis.failed else "A failure is left unexplained"
    if not diagnosis.failed and _not_of_it(diagnosis):
        why = "The failure has no cause in the environment"
    return [f"{why} ({counts}).{more}"]
