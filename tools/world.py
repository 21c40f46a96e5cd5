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
    r"PATH|TMPDIR|TE?MP|TERM|COLUMNS|LINES|CI|SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|USERNAME"
    r"|PROCESSOR_ARCHITECTURE|NUMBER_OF_PROCESSORS|(HTTPS?|ALL|NO)_PROXY|SSL_CERT_(FILE|DIR)|NETRC"
    r"|(REQUESTS_CA|CURL_CA)_BUNDLE|(TF_DOCTOR_|PYTEST_XDIST_|WINE).*",
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
# The platform whose programs start here: what runs an environment's own Python makes it for this one.
ALIVE = "win-64" if os.name == "nt" else MACHINE["CONDA_SUBDIR"]


def _clean(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what is kept of an environment."""
    kept = {name: value for name, value in environ.items() if _KEPT.fullmatch(name)}
    # To Python on Windows LC_ALL says nothing: .pth files of a folder outside the code page, and conda's
    # environments.txt, are read and written in the code page without this.
    return {**kept, "LC_ALL": "C.UTF-8", **({"PYTHONUTF8": "1"} if os.name == "nt" else {})}


@functools.cache
def _index(python: str) -> tuple[tuple[str, str], ...]:
    """Return pip's options that lead to the index, as environment variables: the user's files, then variables."""
    found: dict[str, str] = {}
    file = os.environ.get("PIP_CONFIG_FILE")
    if file != os.devnull:
        environ = _clean(os.environ) | {name: os.environ[name] for name in os.environ if name.upper() in _HOMES}
        # `config` takes the `user` of a file, which is meant for `install`, for its own option.
        environ |= {"PIP_USER": "0"} | ({"PIP_CONFIG_FILE": file} if file else {})
        command = [python, "-m", "pip", "--disable-pip-version-check", "config", "list"]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, errors="replace", check=False)
        # Sorted, so that what `install` says comes after what `global` does.
        for option, value in re.findall(r"^(?:global|install)\.([\w-]+)=(.*)$", done.stdout, re.M):
            # A value of several lines is several values.
            found[option] = " ".join(str(ast.literal_eval(value)).split())
    found |= {name[4:].lower().replace("_", "-"): os.environ[name] for name in os.environ if name.startswith("PIP_")}
    return tuple(
        (f"PIP_{option.upper().replace('-', '_')}", value)
        for option, value in found.items()
        if _INDEX.fullmatch(option)
    )


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
