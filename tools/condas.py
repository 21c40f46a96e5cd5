"""Runs real condas: which there are, what each can do, and each of them cut off from the machine's own settings."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tools import world
from tools.channel import build_channel
from tools.registry_conda import ensure_conda
from tools.workshop import CACHE, ROOT, WorkshopError, ensure_tests, locked, run

VARIABLE = "TF_DOCTOR_CONDAS"
OLDEST = (24, 7)
NOWHERE = "http://127.0.0.1:9"

PROBE = """
import importlib.metadata, importlib.util, json, sys
import conda
from conda.plugins import hookspec, types
names = {"classic": "conda.core.solve", "libmamba": "conda_libmamba_solver", "rattler": "conda_rattler_solver"}
fields = getattr(types.CondaHealthCheck, "__dataclass_fields__", {})
print(json.dumps({
    "version": conda.__version__,
    "solvers": [name for name, module in names.items() if importlib.util.find_spec(module)],
    "transaction_hooks": hasattr(hookspec.CondaSpecs, "conda_pre_transaction_actions"),
    "error_hints": hasattr(hookspec.CondaSpecs, "conda_error_hints"),
    "fixers": "fixer" in fields,
    "distributions": sorted({d.metadata["Name"] for d in importlib.metadata.distributions() if d.metadata["Name"]}),
}))
"""


class Installation(NamedTuple):
    """A conda of this machine and what it can do.

    Attributes:
        python: The interpreter that has it.
        version: ``24.7.1``.
        solvers: Those of classic, libmamba and rattler that it has.
        transaction_hooks: Whether plugins see transactions (conda 25.5 and later).
        error_hints: Whether plugins may add hints to errors (26.7 and later).
        fixers: Whether a health check may bring a fixer (26.1 and later).
        pythonpath: What brings the plugin into it for a run, where it is not installed.
    """

    python: Path
    version: str
    solvers: tuple[str, ...]
    transaction_hooks: bool
    error_hints: bool
    fixers: bool
    pythonpath: str


class Result(NamedTuple):
    """What a command gave: exit status, standard output, standard error."""

    rc: int
    out: str
    err: str

    @property
    def told(self) -> str:
        """All that was printed; paths without the checkout's folder, which may have the name that is looked for."""
        return (self.out + self.err).replace(os.sep + ROOT.name, "")

    def json(self) -> Any:
        """Return standard output as the one JSON document that it has to be."""
        return json.loads(self.out)


def interpreter_of(conda: str | Path) -> Path:
    """Return the Python that runs a conda, given that Python or a conda executable.

    Raises:
        WorkshopError: There is none beside it.
    """
    path = Path(conda)
    if path.name.lower().startswith("python") and path.is_file():
        return path
    for folder in (path.parent, path.parent.parent / "bin", path.parent.parent):
        for name in ("python", "python.exe"):
            if (folder / name).is_file():
                return folder / name
    raise WorkshopError(f"{conda} is no Python, and there is none beside it")


def _own_metadata() -> Path:
    """Return the checkout's ``dist-info``, as its installation in the workshop has it."""
    # POSIX' venv and Windows', and Windows' own prefix.
    found = [*ensure_tests().parent.glob("Lib/**/conda_tf_doctor-*.dist-info")]
    return next(iter(found or ensure_tests().parent.parent.glob("[Ll]ib/**/conda_tf_doctor-*.dist-info")))


def _overlay(python: Path, missing: Sequence[str]) -> str:
    """Return a PYTHONPATH that brings this checkout into somebody else's conda and leaves that conda alone."""
    metadata = _own_metadata()
    told = [(metadata / name).read_text(encoding="utf-8") for name in ("METADATA", "entry_points.txt")]
    digest = hashlib.sha256(f"{python}{missing}{told}".encode())
    folder = CACHE / "overlay" / digest.hexdigest()[:16]
    with locked("overlay"):
        if not (folder / "complete").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            # The metadata with the entry points; the code itself is the checkout's.
            shutil.copytree(metadata, folder / metadata.name)
            if missing:
                pip = [ensure_tests(), "-m", "pip", "install", "-q", "--no-deps", "--target", folder]
                run([*pip, *missing], "getting what the plugin needs")
            (folder / "complete").touch()
    return os.pathsep.join([str(folder), str(ROOT)])


def _probe(python: Path) -> dict[str, Any] | None:
    done = subprocess.run(
        [python, "-I", "-c", PROBE], env=world.for_setup(CACHE, python), capture_output=True, text=True, check=False
    )
    return json.loads(done.stdout) if done.returncode == 0 else None


def _requirements() -> list[str]:
    """Return the plugin's run-time requirements, as its installed metadata states them."""
    metadata = (_own_metadata() / "METADATA").read_text(encoding="utf-8")
    return [line for line in re.findall(r"^Requires-Dist: (.+)$", metadata, re.M) if ";" not in line]


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[ <>=!~;\[]", name)[0]).lower()


@functools.cache
def installation(conda: str | Path) -> Installation:
    """Look at a conda.

    Args:
        conda: A conda executable, or the Python that has conda.

    Raises:
        WorkshopError: There is no conda of 24.7 or later in it.
    """
    python = interpreter_of(conda)
    found = _probe(python)
    if found is None or tuple(int(part) for part in found["version"].split(".")[:2]) < OLDEST:
        raise WorkshopError(f"{conda} is no conda of {'.'.join(map(str, OLDEST))} or later")
    pythonpath = ""
    if python != ensure_conda():
        have = {_key(name) for name in found["distributions"]}
        pythonpath = _overlay(python, [r for r in _requirements() if _key(r) not in have])
    return Installation(
        python,
        found["version"],
        tuple(found["solvers"]),
        found["transaction_hooks"],
        found["error_hints"],
        found["fixers"],
        pythonpath,
    )


def _is_mamba(path: str) -> bool:
    return Path(path).stem.lower() in ("micromamba", "mamba")


def micromamba() -> Path | None:
    """Return the micromamba or mamba that ``TF_DOCTOR_CONDAS`` lists, or that is on PATH; ``None`` for none."""
    listed = [entry for entry in os.environ.get(VARIABLE, "").split(os.pathsep) if _is_mamba(entry)]
    found = listed[0] if listed else shutil.which("micromamba")
    return Path(found) if found else None


@functools.cache
def installations() -> tuple[Installation, ...]:
    """Return the condas to run on: the one made from the index, and those that ``TF_DOCTOR_CONDAS`` lists."""
    listed = [entry for entry in os.environ.get(VARIABLE, "").split(os.pathsep) if entry and not _is_mamba(entry)]
    registry = ensure_conda()
    return tuple(dict.fromkeys(installation(str(conda)) for conda in [registry, *listed]))


class Conda:
    """A conda with a solver, in a world of its own: home, settings, environments, package cache, local channels.

    Attributes:
        installation: Which conda.
        solver: ``classic``, ``libmamba`` or ``rattler``.
        channels: Folder of the local channels; ``-c conda-forge`` means the one in it.
        root: Folder of this world; ``home`` and ``envs`` are in it.
        condarc: The settings file.
    """

    def __init__(self, installation: Installation, solver: str, root: Path, packages: Path | None = None) -> None:
        self.installation = installation
        self.solver = solver
        self.channels = build_channel()
        self.root = root
        self.home = root / "home"
        self.envs = root / "envs"
        self.packages = packages or root / "pkgs"
        self.condarc = root / "condarc"
        for folder in (self.home, self.envs, self.packages):
            folder.mkdir(parents=True, exist_ok=True)
        self.write_condarc()

    @property
    def version(self) -> str:
        """Conda's version."""
        return self.installation.version

    @property
    def has_transaction_hooks(self) -> bool:
        """Whether plugins see transactions: explicit files, clones, revisions."""
        return self.installation.transaction_hooks

    @property
    def python(self) -> Path:
        """The interpreter that runs conda."""
        return self.installation.python

    def write_condarc(self, text: str = "", channels: Sequence[str] = ("conda-forge",)) -> None:
        """Write the settings anew: the isolation, the channels (first wins), then ``text`` (YAML, other keys)."""
        base = self.channels.as_uri()
        lines = [
            f"channel_alias: {base}",
            f"default_channels: [{base}/pkgs/main]",
            f"channels: [{', '.join(channels)}]",
            # A JSON string is a YAML one, whatever is in a path.
            f"pkgs_dirs: [{json.dumps(str(self.packages))}]",
            f"envs_dirs: [{json.dumps(str(self.envs))}]",
            # One solve per command; tests of the retry set both names.
            "repodata_fns: [repodata.json]",
            # Not offline: conda then also solves with whatever is in the package cache, of any platform.
            "offline: false",
            "notify_outdated_conda: false",
            "number_channel_notices: 0",
            "report_errors: false",
            "show_channel_urls: true",
        ]
        self.condarc.write_text("\n".join([*lines, text]) + "\n", encoding="utf-8")

    def environ(self, env: Mapping[str, str] | None = None, subdir: str | None = None) -> dict[str, str]:
        """Return the variables a command runs with: the world of all tests, a driver for CUDA 12.9, and its own.

        On a machine that is busy with other tests the guard has all the time that it needs.
        """
        values = world.for_tests(CACHE, sys.executable)
        values.update(
            HOME=str(self.home),
            USERPROFILE=str(self.home),
            CONDARC=str(self.condarc),
            CONDA_SOLVER=self.solver,
            CONDA_OVERRIDE_CUDA="12.9",
            CONDA_PLUGINS_TF_DOCTOR_SECONDS="120",
            CONDA_PLUGINS_TF_DOCTOR_SEARCH_SECONDS="600",
            CONDA_PKGS_DIRS=str(self.packages),
            CONDA_ENVS_DIRS=str(self.envs),
            # Nobody listens there: what would go out to the network fails at once.
            HTTP_PROXY=NOWHERE,
            HTTPS_PROXY=NOWHERE,
        )
        if self.installation.pythonpath:
            values["PYTHONPATH"] = self.installation.pythonpath
        if subdir:
            values["CONDA_SUBDIR"] = subdir
        values.update(env or {})
        return values

    def run(
        self,
        *args: str | Path,
        env: Mapping[str, str] | None = None,
        check: bool = False,
        stdin: str | None = None,
        subdir: str | None = None,
        cwd: Path | None = None,
        timeout: float = 900,
    ) -> Result:
        """Run ``conda ARGS…`` in this world.

        Args:
            args: Conda's arguments.
            env: More variables, such as ``CONDA_PLUGINS_TF_DOCTOR_MODE`` or ``CONDA_OVERRIDE_CUDA``.
            check: Raise when the exit status is not 0.
            stdin: What is typed; without it standard input is empty.
            subdir: Platform to act for (``win-64``).
            cwd: Working folder; the home folder without it.
            timeout: Seconds.

        Raises:
            AssertionError: ``check`` was asked for and the command failed; the message shows its output.
        """
        command = [str(self.python), "-m", "conda", *map(str, args)]
        options: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=self.environ(env, subdir),
            cwd=cwd or self.home,
            timeout=timeout,
            check=False,
            **options,
        )
        result = Result(self._status(done), done.stdout, done.stderr)
        if check and result.rc:
            raise AssertionError(f"{' '.join(command)} ended with {result.rc}\n{result.out}\n{result.err}")
        return result

    def _status(self, done: subprocess.CompletedProcess[str]) -> int:
        """Return a command's exit status.

        py-rattler crashes now and then when its process ends, after everything was done and said (docs/guard.md). Of
        that solver, and of these two signals alone, what conda has said tells how it ended.
        """
        if self.solver != "rattler" or -done.returncode not in (signal.SIGSEGV, signal.SIGABRT):
            return done.returncode
        return int(re.search(r"^\w*Error\b|Traceback|\"error\":", done.stderr + done.stdout, re.M) is not None)

    def doctor(self, *args: str | Path, env: Mapping[str, str] | None = None, subdir: str | None = None) -> Result:
        """Run ``conda tf-doctor ARGS…``."""
        return self.run("tf-doctor", *args, env=env, subdir=subdir)

    def prefix(self, name: str) -> Path:
        """Return where the environment of that name is, or would be."""
        return self.envs / name

    def create(
        self,
        name: str,
        *specs: str,
        subdir: str | None = None,
        env: Mapping[str, str] | None = None,
        channels: Sequence[str] = (),
    ) -> Path:
        """Create an environment with conda itself, the guard off, and return its prefix.

        Raises:
            AssertionError: Conda could not.
        """
        selected = [part for channel in channels for part in ("-c", channel)]
        quiet = {"CONDA_PLUGINS_TF_DOCTOR_MODE": "disabled", **(env or {})}
        self.run("create", "-y", "-q", "-n", name, *selected, *specs, env=quiet, subdir=subdir, check=True)
        return self.prefix(name)

    @staticmethod
    def records(prefix: Path) -> dict[str, str]:
        """Return name → ``version build`` of what conda has recorded in a prefix."""
        found = {}
        for path in sorted((prefix / "conda-meta").glob("*.json")):
            record = json.loads(path.read_text(encoding="utf-8"))
            found[record["name"]] = f"{record['version']} {record['build']}"
        return found
