"""What a venv shares with the Python that it was made from (PEP 405)."""

from __future__ import annotations

import os

from ..errors import UsageError
from .distinfo import read_pip
from .facts import PIP, Environment, Package


def settings(prefix: str) -> dict[str, str]:
    """Return the settings of ``pyvenv.cfg``, keys in lower case; empty where it cannot be read."""
    try:
        with open(os.path.join(prefix, "pyvenv.cfg"), encoding="utf-8", errors="replace") as handle:
            pairs = (line.partition("=") for line in handle.read(1 << 16).splitlines())
            return {key.strip().lower(): value.strip() for key, _, value in pairs}
    except OSError:
        return {}


def is_alone(prefix: str) -> bool:
    """Tell whether the venv sees neither the site-packages of its base nor the user site (``site.py`` drops both)."""
    return settings(prefix).get("include-system-site-packages", "").lower() != "true"


def add_base(env: Environment) -> None:
    """Add the packages of the base Python that the venv does not have itself."""
    from .prefix import STACK, read_prefix, site_minor

    home = settings(env.prefix).get("home", "")
    base = home if os.name == "nt" else os.path.dirname(home)
    if not home or not os.path.isdir(base) or os.path.samefile(base, env.prefix):
        return
    try:
        found = [p for p in read_prefix(base, env.platform, with_machine=False).packages if p.name in STACK]
    except UsageError:
        found = []
    minor = site_minor(env)
    # Debian's own Python has other folders.
    for folder in (os.path.join("local", "lib", f"python{minor}"), os.path.join("lib", "python3")):
        debian = os.path.join(base, folder, "dist-packages")
        if os.path.isdir(debian):
            found += read_pip(Environment("prefix", base, env.platform), base, debian, STACK)
    own = {package.name for package in env.packages}
    env.add(_at(package, base) for package in found if package.name not in own)


def _at(package: Package, base: str) -> Package:
    """Return a package of the base as one that the venv imports."""
    package.source = os.path.join(base, package.source) if package.source else base
    package.manager = package.manager or PIP
    return package
