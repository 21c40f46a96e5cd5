"""What a report leaves open: rules that could not decide because a fact is missing, and how to get it.

A report is often a few lines that somebody typed. Each open question becomes an ``info`` of the rule that it belongs
to, so that whoever answers the asker knows what to ask next; a prefix on disk leaves nothing of this open.
"""

from __future__ import annotations

from ..codes import ROWS
from ..context.context import Context
from ..explain.catalogue import frequencies
from ..findings import Finding
from ..rules.cuda.open import open_cuda
from ..rules.machine.open import open_python, open_system
from ..rules.packages.open import open_packages
from ..rules.paths.open import open_paths

# What is in a report is there for a reason: a package without a version, a wish that was not met, a toolkit.
_NAMED, _ASKED_FOR = 8, 5


def undecided(context: Context) -> list[Finding]:
    """Name the facts that a report does not hold and a rule would need, those first that decide most."""
    tensorflow = context.tensorflow
    if tensorflow is None or context.env.kind != "report":
        return []
    found = [
        *open_python(context),
        *open_system(context),
        *open_paths(context),
        *open_cuda(context),
        *open_packages(context),
    ]
    env = context.env
    around = (*env.system.cuda_installed, *env.system.cudnn_installed, env.system.gpu, env.system.cuda_driver)
    counts = frequencies(env.os, bool(context.gpu_wanted or any(around)))
    named = {package.name for package in env.packages if package.name not in ("python", tensorflow.name)}

    def worth(finding: Finding) -> int:
        asked = tensorflow.requested and ROWS[finding.code].first
        said = finding.package in named
        return -(counts.get(finding.code, 0) + _NAMED * said + _ASKED_FOR * asked)

    return sorted(found, key=worth)
