"""Runs the README's two commands on machines that have nothing: bare Debian in a folder, without compiler, git, locale.

Standard library only. Needs root, Debian's ``debootstrap`` and ``unshare`` (util-linux).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tools import world
from tools.workshop import CACHE, ROOT, WorkshopError, locked, run, say

# Debian's Python can make a virtual environment with one of these, and has neither by itself.
RELEASES = {"bookworm": "python3-venv", "trixie": "python3-pip"}
COMMANDS = ("demo", "test")
# Where the machine's certificates lie there, if it names any: its index may not be signed by what Debian trusts.
CERTIFICATES = "/etc/ssl/certificates-of-the-host.pem"
_CERTIFICATE_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class User(NamedTuple):
    """Somebody who tries the two commands.

    Attributes:
        name: The account.
        place: Where the checkout is.
        environ: Variables that were set for something else.
        files: Settings below the home folder.
    """

    name: str
    place: str
    environ: dict[str, str]
    files: dict[str, str]


USERS = (
    # 3.13's parser warns with the path of what it reads, which holds the project's own name here.
    User("root", "/root/only for root/conda_tf_doctor-0.1.0", {}, {}),
    User(
        "stranger",
        "/home/stranger/it's a plâce/conda-tf-doctor",
        {
            "CONDA_OVERRIDE_CUDA": "9.0",
            "CONDA_SUBDIR": "win-64",
            "CUDA_HOME": "/usr/local/cuda",
            "FORCE_COLOR": "1",
            "LC_ALL": "C",
            "LD_LIBRARY_PATH": "/nowhere",
            "NO_COLOR": "1",
            "PIP_NO_BINARY": ":none:",
            "PIP_ONLY_BINARY": ":all:",
            "PIP_PREFIX": "/nowhere",
            "PIP_REQUIRE_VIRTUALENV": "1",
            "PIP_TARGET": "/nowhere",
            "PYTEST_ADDOPTS": "--no-such-option",
            "PYTHONOPTIMIZE": "2",
            "PYTHONSAFEPATH": "1",
            "PYTHONWARNINGS": "error",
            "TMPDIR": "/small",
        },
        {
            ".condarc": "channels: [nowhere]\nenvs_dirs: [/nowhere]\n",
            ".config/pip/pip.conf": "[global]\nuser = true\n[install]\nno-index = false\n",
        },
    ),
)

# In a mount namespace of its own, so that nothing stays mounted: the devices, and a small /small that runs no programs.
INSIDE = """
set -e
root=$1 user=$2 place=$3; shift 3
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mkdir -p "$root/small"
mount -t tmpfs -o size=1m,noexec,mode=1777 tmpfs "$root/small"
exec chroot "$root" /usr/bin/env -i /usr/bin/setpriv --reuid "$user" --regid "$user" --init-groups --reset-env \
  /bin/sh -c 'umask 077; cd "$1"; shift; exec /usr/bin/env "$@"' sh "$place" "$@"
"""


def _make(release: str) -> Path:
    """Return the root folder of a bare Debian, made once."""
    root = CACHE / "debian" / release
    with locked(f"debian-{release}"):
        if not (root / "complete").is_file():
            say(f"making a bare Debian ({release}): 2 minutes, 300 MB in {root.relative_to(ROOT)} …")
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir(parents=True)
            packages = f"--include=python3,{RELEASES[release]}"
            run(["debootstrap", "--variant=minbase", packages, release, root], f"making Debian {release}")
            run(["chroot", root, "useradd", "--create-home", "stranger"], "adding an account")
            (root / "complete").touch()
    return root


def _lay_out(root: Path, user: User) -> dict[str, str]:
    """Put a checkout and the user's settings into a machine; return what leads to the index from there."""
    for name in ("resolv.conf", "hosts"):
        if Path("/etc", name).is_file():
            shutil.copy(Path("/etc", name), root / "etc" / name)
    environ = {name: value for name, value in world.for_setup(CACHE, sys.executable).items() if name.startswith("PIP_")}
    environ.pop("PIP_CONFIG_FILE")
    # What lies on this machine's disk is not there.
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL"):
        far = [value for value in environ.pop(name, "").split() if value.startswith("http")]
        environ |= {name: " ".join(far)} if far else {}
    named = [environ.get("PIP_CERT"), *(os.environ.get(name) for name in _CERTIFICATE_VARIABLES)]
    certificates = next((path for path in named if path and Path(path).is_file()), None)
    if certificates:
        shutil.copy(certificates, root / CERTIFICATES.lstrip("/"))
        environ |= dict.fromkeys(_CERTIFICATE_VARIABLES, CERTIFICATES)
    place = root / user.place.lstrip("/")
    shutil.rmtree(place.parent, ignore_errors=True)
    place.parent.mkdir(parents=True)
    ignored = shutil.ignore_patterns(".dev", ".git", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, place, symlinks=True, ignore=ignored)
    home = root / "root" if user.name == "root" else root / "home" / user.name
    for name, text in user.files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")
    run(["chroot", root, "chown", "-R", f"{user.name}:", f"/{home.relative_to(root)}"], "giving it to its user")
    place.parent.chmod(0o700)
    return environ


def _try(release: str, user: User, command: str, index: dict[str, str]) -> tuple[int, str]:
    """Run a command there; return its exit status and the last line that it printed."""
    root = CACHE / "debian" / release
    log = CACHE / "debian" / f"{release}-{user.name}-{command}.log"
    path = "PATH=/usr/local/bin:/usr/bin:/bin"
    home = f"HOME={'/root' if user.name == 'root' else '/home/' + user.name}"
    words = [path, home, *(f"{name}={value}" for name, value in {**index, **user.environ}.items())]
    inside = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "sh", "-c", INSIDE]
    with open(log, "w", encoding="utf-8") as stream:
        done = subprocess.run(
            [*inside, "sh", root, user.name, user.place, *words, "python3", "dev.py", command],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        )
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or [""]
    return done.returncode, lines[-1]


def main(args: Sequence[str]) -> int:
    """Run the two commands on each machine, as each user, print a table, and return 1 if one failed.

    Args:
        args: ``bookworm``, ``trixie-root`` …: which machines, and whose; all without.
    """
    pairs = [(release, user) for release in RELEASES for user in USERS]
    chosen = [(r, u) for r, u in pairs if not args or {r, f"{r}-{u.name}"} & set(args)]
    known = {*RELEASES, *(f"{release}-{user.name}" for release, user in pairs)}
    if set(args) - known:
        raise WorkshopError(f"there is no machine {', '.join(set(args) - known)}; there are {', '.join(sorted(known))}")
    if sys.platform != "linux" or os.geteuid() or not shutil.which("debootstrap") or not shutil.which("unshare"):
        raise WorkshopError("fresh needs Linux, root, debootstrap and unshare (util-linux)")
    say("dev.py fresh: 15 minutes for each of the machines and users; logs in .dev/debian")
    rows = []
    for release, user in chosen:
        index = _lay_out(_make(release), user)
        for command in COMMANDS:
            began = time.monotonic()
            status, last = _try(release, user, command, index)
            rows.append((release, user.name, command, status, time.monotonic() - began, last))
            say(f"{release} {user.name} {command}: exit status {status}; {last}")
        shutil.rmtree((CACHE / "debian" / release / user.place.lstrip("/")).parent, ignore_errors=True)
    print("\n| Debian | user | command | exit status | minutes | last line |\n| --- | --- | --- | --- | --- | --- |")
    for release, name, command, status, seconds, last in rows:
        print(f"| {release} | {name} | {command} | {status} | {seconds / 60:.1f} | {last.strip('= ')} |")
    return int(any(row[3] for row in rows))
