"""Which Visual C++ runtime the environment's Python would load, by its packages and by what the system has."""

from __future__ import annotations

from .._typing import NamedTuple
from ..matrix.vc_runtime import VcRuntime
from .context import Context


class Runtime(NamedTuple):
    """A Visual C++ runtime.

    Attributes:
        version: Its DLLs' version (``14.29.30139``), or ``missing``.
        label: For people.
        evidence: Where it was read.
    """

    version: str
    label: str
    evidence: str


def runtime_of(context: Context) -> Runtime | None:
    """Return the runtime that the environment's Python would load, or ``None`` where nothing tells.

    Conda's copy lies beside python.exe, in the first folder the loader searches, so it comes before the system's.
    """
    env, known = context.env, VcRuntime(context.matrix)
    for name in known.packages:
        package = env.conda(name)
        if package is not None and package.version:
            version = known.version_of(name, package.version)
            return Runtime(version, f"{name.replace('-', '_')} {package.version}", package.source)
    system = env.system.vc_runtime
    if not system:
        return None
    label = "no Visual C++ runtime" if system == "missing" else f"Visual C++ runtime {system} (system)"
    return Runtime(system, label, "system.vc_runtime")
