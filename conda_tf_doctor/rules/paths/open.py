"""What a report leaves open of the folders that are searched."""

from __future__ import annotations

from collections.abc import Iterator

from ...context.context import Context
from ...findings import Finding, open_question


def open_paths(context: Context) -> Iterator[Finding]:
    """What the process finds before, or instead of, the environment's own files."""
    env = context.env
    where = {"win": "PATH", "linux": "LD_LIBRARY_PATH", "osx": "DYLD_LIBRARY_PATH"}.get(env.os, "PATH")
    name = context.label
    if not env.env_vars:
        need = f"the value of {where} in the process that fails"
        yield open_question(
            "TFD702", f"The report does not say where {name} looks for libraries.", "", need, "", "cudatoolkit"
        )
        yield open_question(
            "TFD701",
            "The report does not say whether the environment was activated.",
            "",
            f"{need}, and CONDA_PREFIX",
            "",
        )
    if not env.working_folder:
        yield open_question(
            "TFD704", "The report does not say which files lie beside the script.", "",
            "the names of files in the working folder", "", "tensorflow",
        )  # fmt: skip
    if not env.user_site and not env.env_vars:
        yield open_question(
            "TFD703",
            "The report does not say what the user site holds.",
            "",
            "`python -m pip list --user`",
            "",
            "tensorflow",
        )
    if not env.binaries:
        need = "`conda tf-doctor dlls` in the environment"
        for code in ("TFD501", "TFD502"):
            yield open_question(code, f"The report does not hold the binaries of {name}.", "", need, "", "tensorflow")
