"""A plan for people and for machines."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from ..codes import PACKAGES, codes_where
from ..findings import INFO, WARNING
from ..render.text import wrapped
from ..safely import safe
from ..shell import command_line
from .levers import ways
from .plan import SCHEMA_VERSION, Change, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..findings import Finding
    from ..render.text import Style


def document(
    plan: Plan, path: str, kind: str, commands: Sequence[Sequence[str]], diff: str, **outcome: Any
) -> dict[str, Any]:
    """Return the JSON document of ``fix``.

    Args:
        plan: The plan.
        path: What it is for.
        kind: ``prefix`` or ``file``.
        commands: What applying it runs.
        diff: What writing it changes.
        outcome: ``applied``, ``written``, ``message``, ``findings_after`` where they differ from the plan's.
    """
    after = outcome.pop("findings_after", None)
    return {
        "schema_version": SCHEMA_VERSION,
        "target": {"kind": kind, "path": path, "platform": plan.before.env.platform or None},
        "changes": [change.to_json() for change in plan.changes],
        "commands": [list(command) for command in commands],
        "command_lines": [command_line(command) for command in commands],
        "applied": outcome.pop("applied", False),
        "written": outcome.pop("written", False),
        "findings_before": [finding.to_json(plan.before.env.platform) for finding in plan.before.findings],
        "findings_after": [
            finding.to_json(plan.before.env.platform) for finding in (plan.after.findings if after is None else after)
        ],
        "announced": [finding.to_json(plan.before.env.platform) for finding in plan.announced],
        "conflict": plan.conflict.to_json() if plan.conflict else None,
        "verified_by": plan.verified or None,
        "unverified": plan.unverified or None,
        "moves": [str(move) for move in plan.moves],
        "diff": diff,
        "message": outcome.pop("message", ""),
        "ok": outcome.pop("ok", plan.ok),
    }


def unified(old: str, new: str, path: str) -> str:
    """Return a unified diff; empty where nothing changes."""
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), f"{path} (now)", f"{path} (planned)"
    )
    out = []
    for line in lines:
        body = line.rstrip("\r\n")
        out.append(body + "\n")
        if not line.endswith(("\n", "\r")):
            out.append("\\ No newline at end of file\n")
    return "".join(out)


def _line(change: Change) -> str:
    # An entry of a file may leave the version open.
    before = change.before or ("(any version)" if ":" in change.where else "(not there)")
    if change.reinstall:
        what = f"{change.package} {change.before}: put its files back"
    elif not change.after:
        what = f"{change.package} {before} -> removed"
    elif change.after == change.before:
        what = f"{change.package} {before}: written as {change.pin}"
    else:
        what = f"{change.package} {before} -> {change.after}"
    return f"{what} [{change.where}, {' '.join(change.rules)}]"


# Beside another version of these, TensorFlow may import all the same, and parts of it fail.
_CORE = codes_where(family=PACKAGES, stops=True)


def left(plan: Plan, command: Sequence[str], openings: Sequence[Finding] = ()) -> list[tuple[Finding, tuple[str, ...]]]:
    """Return what the plan leaves as it is, and for each finding what one types to have it repaired too.

    Args:
        plan: The plan.
        command: How ``fix`` was called: the program, the verb and the target.
        openings: What a file leaves open, and an installer would fill with what does not work.
    """
    found: list[tuple[Finding, tuple[str, ...]]] = []
    env = plan.after.env
    for finding in plan.after.findings if plan.conflict is None else ():
        if finding.severity == WARNING and ways(finding, env):
            found.append((finding, (*command, "--warnings")))
        elif finding.severity == INFO and finding.code in _CORE and finding.accepts:
            found.append((finding, (*command, "--to", f"{finding.package}{finding.accepts}")))
    asked = openings if plan.conflict is None else ()
    return found + [(f, (*command, "--to", f"{f.package}{f.accepts}")) for f in asked]


def _left(plan: Plan, command: Sequence[str], openings: Sequence[Finding]) -> list[str]:
    lines: list[str] = []
    several: dict[tuple[str, ...], list[Finding]] = {}
    for finding, words in left(plan, command, openings):
        several.setdefault(words, []).append(finding)
    for words, findings in several.items():
        for finding in findings:
            lines += ["", f"  LEFT {finding.code} {finding.name}", *wrapped(finding.message, "      ")]
        lines.append(f"      {safe(command_line(words))}")
    return lines


def render(
    plan: Plan,
    path: str,
    style: Style,
    commands: Sequence[Sequence[str]] = (),
    diff: str = "",
    command: Sequence[str] = ("conda-tf-doctor", "fix"),
    openings: Sequence[Finding] = (),
) -> str:
    """Return the plan as text: each change with its rule, what is announced or left, and how it can be carried out.

    Args:
        plan: The plan.
        path: What it is for.
        style: How to write.
        commands: What applying it runs.
        diff: What writing it changes.
        command: How ``fix`` was called, for what has to be asked for.
        openings: What a file leaves open, and an installer would fill with what does not work.
    """
    lines = [f"{style.paint('title', 'Repair of')} {safe(path)}"]
    if plan.conflict is not None:
        return "\n".join([*lines, *_conflict(plan, style)]) + "\n"
    if not plan.changes:
        nothing = "Nothing that was checked has to change." if plan.unjudged else "Nothing has to change."
        lines.append("No change of packages repairs this." if plan.announced else nothing)
        if plan.ok:
            lines += wrapped("If it fails all the same, give its text to `conda tf-doctor explain -`.", "")
    for change in plan.changes:
        lines += ["", f"  {style.paint('good', safe(_line(change)))}", *wrapped(change.why, "      ")]
    if plan.moves:
        lines += ["", "  With it these change:", *(f"      {safe(str(move))}" for move in plan.moves[:12])]
        if len(plan.moves) > 12:
            lines.append(f"      and {len(plan.moves) - 12} more")
    for word, finding in (*(("REMAINS", f) for f in plan.announced), *(("NOT CHECKED", f) for f in plan.unjudged)):
        lines += [
            "",
            f"  {style.paint('error', word)} {finding.code} {finding.name}",
            *wrapped(finding.message, "      "),
        ]
        if finding.fix.note:
            lines += wrapped(finding.fix.note, "      ")
        if finding.code == "TFD101":
            lines += wrapped("`conda tf-doctor create NAME` makes a 64-bit one.", "      ")
    lines += _left(plan, command, openings)
    if plan.changes:
        lines += ["", _verdict(plan)]
    if commands:
        lines += ["", "  By hand:", *(f"      {safe(command_line(command))}" for command in commands)]
    if diff:
        lines += ["", *(_painted(line, style) for line in diff.splitlines())]
    return "\n".join(lines) + "\n"


def _verdict(plan: Plan) -> str:
    if plan.unverified and plan.verified:
        return f"  Confirmed by {plan.verified}; otherwise unverified: {plan.unverified}."
    if plan.unverified:
        return f"  Unverified: {plan.unverified}."
    return f"  Confirmed by {plan.verified}: it can be installed." if plan.verified else ""


def _conflict(plan: Plan, style: Style) -> list[str]:
    conflict = plan.conflict
    assert conflict is not None
    lines = [style.paint("error", "There is no plan that satisfies everything."), *wrapped(conflict.why, "  ")]
    if len(conflict.demands) > 1:
        lines.append(f"  These conflict: {safe(' and '.join(conflict.demands))}")
    elif conflict.demands:
        lines.append(f"  This cannot be met: {safe(conflict.demands[0])}")
    return lines + [line for way in conflict.ways for line in wrapped(way, "  - ")]


def _painted(line: str, style: Style) -> str:
    kind = {"+": "good", "-": "error", "@": "info"}.get(line[:1])
    return style.paint(kind, safe(line)) if kind else safe(line)
