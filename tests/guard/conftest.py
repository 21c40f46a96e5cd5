from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tools.condas import Conda, Result


class Runner:
    """Runs a conda's commands from one process that has conda imported; where there is no fork, each on its own."""

    def __init__(self, python: Path, environ: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [python, Path(__file__).with_name("zygote.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(environ),
        )

    def run(
        self,
        conda: Conda,
        *args: str | Path,
        mode: str = "warn",
        env: Mapping[str, str] | None = None,
        subdir: str | None = None,
        stdin: str = "",
        cwd: Path | None = None,
        before: str = "",
    ) -> Result:
        """Run `conda ARGS…` as `Conda.run` does; `before` is Python that runs in the same process first."""
        files = {name: conda.root / f"last-{name}" for name in ("stdin", "stdout", "stderr")}
        for name, path in files.items():
            path.write_text(stdin if name == "stdin" else "", encoding="utf-8")
        job = {
            "args": [str(arg) for arg in args],
            "env": conda.environ({"CONDA_PLUGINS_TF_DOCTOR_MODE": mode, **(env or {})}, subdir),
            "cwd": str(cwd or conda.home),
            "before": before,
            **{name: str(path) for name, path in files.items()},
        }
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        rc = int(self.process.stdout.readline())
        read = [files[name].read_text(encoding="utf-8", errors="replace") for name in ("stdout", "stderr")]
        return Result(rc, *read)


@pytest.fixture(scope="session")
def _runners() -> Iterator[dict[Path, Runner]]:
    runners: dict[Path, Runner] = {}
    yield runners
    for runner in runners.values():
        assert runner.process.stdin is not None
        runner.process.stdin.close()
        runner.process.wait(30)


def _bound(conda: Conda, runners: dict[Path, Runner]) -> Callable[..., Result]:
    if not hasattr(os, "fork"):

        def plain(*args: str | Path, mode: str = "warn", **options: Any) -> Result:
            before = options.pop("before", "")
            environ = {"CONDA_PLUGINS_TF_DOCTOR_MODE": mode, **(options.pop("env", None) or {})}
            if before:  # Python runs a module of this name at its start
                folder = conda.root / "before"
                folder.mkdir(exist_ok=True)
                (folder / "sitecustomize.py").write_text(before, encoding="utf-8")
                path = [str(folder), *filter(None, [conda.environ().get("PYTHONPATH")])]
                environ["PYTHONPATH"] = os.pathsep.join(path)
            return conda.run(*args, env=environ, **options)

        return plain
    if conda.python not in runners:
        runners[conda.python] = Runner(conda.python, conda.environ())
    return lambda *args, **options: runners[conda.python].run(conda, *args, **options)


@pytest.fixture
def run(conda: Conda, _runners: dict[Path, Runner]) -> Callable[..., Result]:
    """`run(*args, mode="warn", env=None, subdir=None, stdin="", cwd=None, before="") -> Result` of the test's conda."""
    return _bound(conda, _runners)


@pytest.fixture
def registry_run(registry_conda: Conda, _runners: dict[Path, Runner]) -> Callable[..., Result]:
    """`run` of the conda from the index, for what does not depend on which conda it is."""
    return _bound(registry_conda, _runners)


@pytest.fixture
def record(conda: Conda, pytestconfig: pytest.Config) -> Callable[[str, str, Result], None]:
    """Keep what a scenario gave in the file that TF_DOCTOR_GUARD_TABLE names, a JSON document a line."""

    def keep(name: str, mode: str, result: Result) -> None:
        path = os.environ.get("TF_DOCTOR_GUARD_TABLE")
        if path:
            row = {"scenario": name, "conda": f"{conda.version}-{conda.solver}", "mode": mode, **result._asdict()}
            with open(path, "a", encoding="utf-8") as handle:
                handle.write(json.dumps(row) + "\n")

    return keep
