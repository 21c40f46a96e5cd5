"""What a report leaves open: rules that could not decide because a fact is missing, and how to get it.

A report is often a few lines that somebody typed. Each open question becomes an ``info`` of the rule that it belongs
to, so that whoever answers the asker knows what to ask next; a prefix on disk leaves nothing of this open.
"""

from __future__ import annotations

from ..codes import ROWS
from ..context.context import Context
from ..explain.catalogue import frequencies
from ..findings import Finding

# What is in a report is there for a reason: a package without a version, a wish that was not met, a toolkit.
_NAMED, _ASKED_FOR = 8, 5


def by_worth(context: Context, found: list[Finding]) -> list[Finding]:
    """Return open questions, those first that decide most.

    Args:
        context: The environment of a report.
        found: What rules lack, each the fact that it would need.
    """
    tensorflow = context.tensorflow
    if tensorflow is None:
        return []
    env = context.env
    around = (*env.system.cuda_installed, *env.system.cudnn_installed, env.system.gpu, env.system.cuda_driver)
    counts = frequencies(env.os, bool(context.gpu_wanted or any(around)))
    named = {package.name for package in env.packages if package.name not in ("python", tensorflow.name)}

    def worth(finding: Finding) -> int:
        asked = tensorflow.requested and ROWS[finding.code].first
        said = finding.package in named
        return -(counts.get(finding.code, 0) + _NAMED * said + _ASKED_FOR * asked)

    return sorted(found, key=worth)
