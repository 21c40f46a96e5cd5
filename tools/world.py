"""The world that set-up, demo and tests run in: of the caller's settings only what leads to the package index.

What a machine has besides (a GPU, its CPU, settings of conda, pip and Python, the user's home) is taken out here, once
for all; a test that wants one of them says so itself. Standard library only.
"""

from __future__ import annotations

import ast
import functools
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

# What programs need to run at all, to be found, and to reach the index.
_KEPT = re.compile(
    r"PATH|TMPDIR|TE?MP|TERM|COLUMNS|LINES|CI|SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|PROCESSOR_ARCHITECTURE"
    r"|NUMBER_OF_PROCESSORS|(HTTPS?|ALL|NO)_PROXY|SSL_CERT_(FILE|DIR)|(REQUESTS_CA|CURL_CA)_BUNDLE|NETRC"
    r"|(TF_DOCTOR_|PYTEST_XDIST_|WINE).*",
    re.I,
)
# Where pip, and what it asks for passwords, find the user's settings and cache.
_HOMES = ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_CACHE_HOME")
# pip's options that say where packages come from. Those that say where they go, or what else pip does, are not ours.
_INDEX = re.compile(
    r"index-url|extra-index-url|find-links|no-index|trusted-host|cert|client-cert|proxy|(default-)?timeout|retries"
    r"|(no-)?cache-dir|keyring-provider"
)
# The machine that tests and demo see: no GPU, a CPU with AVX2, a libc of the last years, conda for Linux.
MACHINE = {
    "CONDA_OVERRIDE_CUDA": "",
    "CONDA_OVERRIDE_GLIBC": "2.35",
    "CONDA_OVERRIDE_ARCHSPEC": "x86_64_v3",
    "CONDA_SUBDIR": "linux-64",
}


def _clean(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what is kept of an environment."""
    kept = {name: value for name, value in environ.items() if _KEPT.fullmatch(name)}
    return {**kept, "LC_ALL": "C.UTF-8"}


@functools.cache
def _index(python: str) -> tuple[tuple[str, str], ...]:
    """Return pip's options that lead to the index, as environment variables: the user's files, then variables."""
    homes = {name: value for name, value in os.environ.items() if name.upper() in _HOMES}
    pips = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    if pips.get("PIP_CONFIG_FILE") == os.devnull:
        return tuple(
            (name, pips[name]) for name in sorted(pips) if _INDEX.fullmatch(name[4:].lower().replace("_", "-"))
        )
    command = [python, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    environ = {**_clean(os.environ), **homes, **pips}
    told = subprocess.run(command, env=environ, capture_output=True, text=True, errors="replace", check=False).stdout
    found: dict[str, str] = {}
    rank = {"global": 0, "install": 1, ":env:": 2}
    rows = re.findall(r"^(global|install|:env:)\.([\w-]+)=(.*)$", told, re.M)
    for _, option, value in sorted(rows, key=lambda row: rank[row[0]]):
        if _INDEX.fullmatch(option):
            # A value of several lines is several values.
            found[f"PIP_{option.upper().replace('-', '_')}"] = " ".join(str(ast.literal_eval(value)).split())
    return tuple(found.items())


def for_setup(folder: Path, python: str | Path) -> dict[str, str]:
    """Return the environment in which pip installs what is needed.

    Args:
        folder: A folder of ours. Temporary files go there: the machine's place for them may be small, may allow no
            programs, and may be another file system, which hard links do not cross.
        python: An interpreter that has pip, which is asked for its settings.
    """
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    homes = {name: value for name, value in os.environ.items() if name.upper() in _HOMES}
    return {
        **_clean(os.environ),
        **homes,
        **dict(_index(str(python))),
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder / "tmp")),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONNOUSERSITE": "1",
    }


def for_tests(folder: Path, python: str | Path) -> dict[str, str]:
    """Return the environment of demo and tests: that of set-up, but a folder of ours is the user's home.

    Args:
        folder: The folder.
        python: As for set-up.
    """
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    values = {**for_setup(folder, python), **MACHINE}
    for name in (*_HOMES, "PYTHONNOUSERSITE"):
        values.pop(name, None)
    return {**values, **dict.fromkeys(("HOME", "USERPROFILE"), str(home))}
