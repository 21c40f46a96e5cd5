"""TFD501 and TFD503 of Python's own files: what was recorded of TensorFlow's stack and is missing, empty or cut off."""

from __future__ import annotations

import os

from ..._typing import TYPE_CHECKING
from ...context.context import Context
from ...context.sources import is_whole, read_by
from ...environment.facts import PIP
from ...environment.tensorflow import OWNERS
from ...findings import CERTAIN, ERROR, LIKELY, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...binaries.integrity import Damage

# Whose import fails with a file that they read, beside TensorFlow's: `tf.keras` is imported when it is first used.
_ROOTS = ("tensorflow", "keras", "tf_keras")


def python_files(context: Context) -> Iterator[Finding]:
    """TFD501, TFD503: Python files of the stack that are missing, or are not what their packages recorded."""
    damages = context.sources
    if not damages:
        return
    from ...binaries.integrity import GONE
    from ...context.binaries import site_packages_of

    paths = [damage.recorded.path for damage in damages]
    needed = read_by(_ROOTS, site_packages_of(context.env), paths)
    by_owner: dict[tuple[str, bool], list[Damage]] = {}
    for damage in damages:
        path = damage.recorded.path
        # Another size alone may be somebody's own patch; an empty file, or one that ends within a line, is none.
        lost = damage.kind == GONE or damage.found == "0 bytes" or not is_whole(path)
        by_owner.setdefault((damage.recorded.owner, lost), []).append(damage)
    for (_, lost), group in by_owner.items():
        stops = [damage for damage in group if damage.recorded.path in needed] if lost else []
        yield _lost(context, group, stops) if lost else _changed(context, group)


def is_gutted(context: Context) -> bool:
    """Tell whether TensorFlow's own module is recorded and not there: what else is missing goes without saying."""
    for damage in context.sources:
        module = os.path.basename(os.path.dirname(damage.recorded.path))
        if module == "tensorflow" and damage.recorded.path.endswith("__init__.py") and damage.kind == "gone":
            return True
    return False


def _lost(context: Context, group: list[Damage], stops: list[Damage]) -> Finding:
    from ...binaries.integrity import GONE
    from .words import again, listed, relative

    shown = [relative(context, damage.recorded.path) for damage in (*stops, *group)]
    entry = group[0].recorded
    package = context.env.pip(entry.owner) if entry.manager == PIP else context.env.conda(entry.owner)
    label = f"{entry.owner} {package.version if package else ''}".strip()
    gone = [damage for damage in group if damage.kind == GONE]
    what = "not there" if len(gone) == len(group) else "empty or cut off" if not gone else "not there or cut off"
    names = listed(path.partition("site-packages/")[2] or path for path in shown)
    several = len(group) > 1
    shared = entry.owner in OWNERS and len(gone) > 1 and entry.manager == PIP
    why = (
        "another distribution that shares its folder was uninstalled, or an installation was interrupted"
        if shared
        else "deleted or overwritten, or an installation was interrupted"
    )
    imports = "`import tensorflow` or `tf.keras` fails." if stops else "What reads them fails."
    return Finding(
        "TFD501" if gone else "TFD503",
        ERROR if stops else WARNING,
        f"{names} of {label} {'are' if several else 'is'} recorded as installed, but {what}: {why}. {imports}",
        found=f"{len(group)} file{'s' if several else ''} {what}",
        expected="the files that the package recorded",
        evidence=tuple(dict.fromkeys(shown))[:5],
        source=entry.source,
        package=entry.owner,
        confidence=CERTAIN,
        fix=again(context, entry),
    )


def _changed(context: Context, group: list[Damage]) -> Finding:
    from .words import again, listed, relative

    entry = group[0].recorded
    names = listed(relative(context, d.recorded.path).partition("site-packages/")[2] for d in group)
    several = len(group) > 1
    return Finding(
        "TFD503",
        WARNING,
        f"{names} {'are' if several else 'is'} not what {entry.owner} installed: another size is recorded.",
        found=group[0].found,
        expected=f"{entry.size:,} bytes",
        evidence=tuple(relative(context, damage.recorded.path) for damage in group[:5]),
        source=entry.source,
        package=entry.owner,
        confidence=LIKELY,
        fix=again(context, entry),
    )
