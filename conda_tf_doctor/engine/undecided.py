"""What a report leaves open: rules that could not decide because a fact is missing, and how to get it.

A report is often a few lines that somebody typed. Each open question becomes an ``info`` of the rule that it belongs
to, so that whoever answers the asker knows what to ask next; a prefix on disk leaves nothing of this open.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..context.context import Context
from ..findings import Finding
from ..rules.cuda.open import open_cuda
from ..rules.machine.open import open_python, open_system
from ..rules.packages.open import open_packages
from ..rules.paths.open import open_paths


def undecided(context: Context) -> Iterator[Finding]:
    """Name the facts that a report does not hold and a rule would need."""
    tensorflow = context.tensorflow
    if tensorflow is None or context.env.kind != "report":
        return
    yield from open_python(context)
    yield from open_system(context)
    yield from open_paths(context)
    yield from open_cuda(context)
    yield from open_packages(context)
