"""Fixtures that run real condas on local channels. See `tools/condas.py` and `tools/wheels.py` for what they return."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import hypothesis
import pytest

from tests import serving, wholes
from tools import condas, wheels, world
from tools.channel import build_channel
from tools.index_wheels import link_or_copy
from tools.workshop import CACHE

# Before any test is imported, and for the processes that run them: they inherit it.
_WORLD = world.for_tests(CACHE, sys.executable)
os.environ.clear()
os.environ.update(_WORLD)


# What needs Windows itself: `dev.py windows` runs it there.
collect_ignore = [] if sys.platform == "win32" else ["windows"]


def _combinations() -> list[tuple[condas.Installation, str]]:
    return [(conda, solver) for conda in condas.installations() for solver in conda.solvers]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes `conda` once for each conda and solver there is."""
    if "conda" in metafunc.fixturenames:
        pairs = _combinations()
        ids = [f"{conda.version}-{solver}" for conda, solver in pairs]
        metafunc.parametrize("_conda_and_solver", pairs, ids=ids, indirect=True, scope="session")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of this suite."""
    parser.addoption("--real", action="store_true", help="run what needs the large wheels of the index, and only that")
    parser.addoption("--long", action="store_true", help="run what takes the index, gigabytes and hours, and only that")
    parser.addoption("--write-findings", action="store_true", help="write down whole findings, to be reviewed")
    parser.addoption(
        "--all-scenarios", action="store_true", help="run the guard's whole table and all generated transactions"
    )
    parser.addoption("--random", action="store_true", help="have hypothesis try other examples at each run")
    parser.addoption(
        "--wine", action="store_true", help="run what needs wine, also where it cannot be found (and fails)"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what runs a real conda; leave out what is not asked for, and what needs wine where there is none."""
    for item in items:
        if {"conda", "registry_conda"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.conda)
    asked = {name: config.getoption(f"--{name}") for name in ("real", "long")}
    wine = config.getoption("--wine") or shutil.which("wine") is not None
    left_out = [
        item
        for item in items
        if any(bool(item.get_closest_marker(name)) != wanted for name, wanted in asked.items())
        or (item.get_closest_marker("wine") and not wine)
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def _which() -> list[str]:
    return [
        f"conda {conda.version}: {', '.join(conda.solvers)}; "
        + ("transaction hooks" if conda.transaction_hooks else "no transaction hooks")
        for conda in condas.installations()
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which condas the suite ran on, and how many tests each of them had with each solver."""
    ran = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, ())
        if report.when == "call" and "conda" in report.keywords
    ]
    if not ran:
        return
    terminalreporter.section("condas")
    for line in _which():
        terminalreporter.line(line)
    counts: dict[str, int] = {}
    for report in ran:
        names = [f"{conda.version}-{solver}" for conda, solver in _combinations()]
        # A test that takes any conda ran on the first.
        name = next((name for name in names if name in report.nodeid), names[0])
        counts[name] = counts.get(name, 0) + 1
    terminalreporter.line(", ".join(f"{count} tests on {name}" for name, count in sorted(counts.items())))


@pytest.fixture(scope="session")
def _conda_and_solver(request: pytest.FixtureRequest) -> tuple[condas.Installation, str]:
    return request.param  # type: ignore[no-any-return]


def pytest_configure(config: pytest.Config) -> None:
    """Have every run try the same examples, unless other ones are asked for; a slow machine is no failure."""
    chance = config.getoption("--random")
    hypothesis.settings.register_profile("suite", deadline=None, derandomize=not chance)
    hypothesis.settings.load_profile("suite")


@pytest.fixture(autouse=True)
def _whole_findings(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hold what a test hands to `wholes.said` to what was written down of it."""
    wholes.forget()
    yield
    wholes.hold(request, request.config.getoption("--write-findings"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write down what was said, where that is asked for."""
    if session.config.getoption("--write-findings"):
        wholes.write_files(not session.config.getoption("-k") and not any("::" in arg for arg in session.config.args))


@pytest.fixture
def real_machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A `monkeypatch` in whose test this machine is what it is: none of the overrides that all tests have."""
    for name in world.MACHINE:
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture(scope="session")
def channel() -> Path:
    """Folder of the local channels: `conda-forge`, `pkgs/main`, `inhouse`, each with its `repodata.json`."""
    return build_channel()


@pytest.fixture(scope="session")
def _package_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Extracted packages, shared by the tests of one process."""
    return tmp_path_factory.mktemp("pkgs")


@pytest.fixture
def conda(_conda_and_solver: tuple[condas.Installation, str], _package_cache: Path, tmp_path: Path) -> condas.Conda:
    """A real conda with one of its solvers, in a world of its own; the test runs once for each conda and solver."""
    installation, solver = _conda_and_solver
    return condas.Conda(installation, solver, tmp_path / "conda", _package_cache / installation.version)


@pytest.fixture
def registry_conda(_package_cache: Path, tmp_path: Path) -> condas.Conda:
    """The conda made from the index, with the classic solver: for tests that need a conda, but not each of them."""
    installation = condas.installations()[0]
    return condas.Conda(installation, "classic", tmp_path / "conda", _package_cache / installation.version)


@pytest.fixture
def micromamba(channel: Path, tmp_path: Path) -> Iterator[Callable[..., condas.Result]]:
    """`micromamba(*args, env=None) -> Result` of the real program on the local channels, in a world of its own."""
    program = condas.micromamba()
    if program is None:
        pytest.skip(f"no micromamba on PATH or in {condas.VARIABLE}")
    home = tmp_path / "mamba-home"
    home.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    world = {
        **kept,
        "HOME": str(home),
        "USERPROFILE": str(home),
        "MAMBA_ROOT_PREFIX": str(tmp_path / "mamba-root"),
        "MAMBA_EXE": str(program),
        "CONDA_OVERRIDE_CUDA": "12.9",
        "CONDA_OVERRIDE_GLIBC": "2.35",
        "CONDA_OVERRIDE_ARCHSPEC": "x86_64_v3",
    }

    def run(*args: str | Path, env: Mapping[str, str] | None = None) -> condas.Result:
        done = subprocess.run(
            [program, *map(str, args)],
            capture_output=True, text=True, env={**world, **(env or {})}, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        return condas.Result(done.returncode, done.stdout, done.stderr)

    run.world = world  # type: ignore[attr-defined]
    # A folder with a blank in its name is no channel to it.
    with serving.served(channel) as address:
        settings = f"channel_alias: {address}\nchannels: [conda-forge]\n"
        (home / ".mambarc").write_text(settings, encoding="utf-8")
        yield run


@pytest.fixture(scope="session")
def _templates(tmp_path_factory: pytest.TempPathFactory) -> dict[object, Path]:
    return {}


@pytest.fixture
def make_env(
    request: pytest.FixtureRequest, _templates: dict[object, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """`make_env(name, *specs, subdir=None, env=None, channels=(), conda=None, asked=None) -> prefix`.

    The environment is made by real conda (of the test's own `conda`, or of `registry_conda`) with the guard off. The
    same request is solved once per session, conda and solver; later ones are copies, which costs milliseconds.

    `asked` says what the user is on record to have asked for, where that is not `specs`: an environment made when what
    is old now was the newest has the old versions, and a history of mere names that lets any solver move them.
    """

    def make(
        name: str,
        *specs: str,
        subdir: str | None = None,
        env: Mapping[str, str] | None = None,
        channels: Sequence[str] = (),
        conda: condas.Conda | None = None,
        asked: Sequence[str] | None = None,
    ) -> Path:
        used = conda or request.getfixturevalue("conda" if "conda" in request.fixturenames else "registry_conda")
        key = (used.version, used.solver, specs, subdir, tuple(sorted((env or {}).items())), tuple(channels))
        if key not in _templates:
            world = condas.Conda(used.installation, used.solver, tmp_path_factory.mktemp("template"), used.packages)
            _templates[key] = world.create("template", *specs, subdir=subdir, env=env, channels=channels)
        prefix: Path = used.prefix(name)
        shutil.copytree(_templates[key], prefix, symlinks=True, copy_function=link_or_copy)
        # History and records are written to in place; the copy needs its own.
        shutil.rmtree(prefix / "conda-meta")
        shutil.copytree(_templates[key] / "conda-meta", prefix / "conda-meta")
        if asked is not None:
            history = prefix / "conda-meta" / "history"
            lines = history.read_text(encoding="utf-8").splitlines(keepends=True)
            lines = [f"# update specs: {list(asked)!r}\n" if "# update specs:" in line else line for line in lines]
            history.write_text("".join(lines), encoding="utf-8")
        return prefix

    return make


@pytest.fixture
def fake_pip_install() -> Iterator[Callable[..., Path]]:
    """`fake_pip_install(prefix, name, version, *, requires=(), files=None, tag=…, …) -> dist-info folder`.

    See `tools.wheels.fake_pip_install`.
    """
    yield wheels.fake_pip_install


@pytest.fixture
def pip_install_tensorflow() -> Iterator[Callable[..., Path]]:
    """`pip_install_tensorflow(prefix, version, *, distribution="tensorflow", stack=None) -> dist-info folder`.

    See `tools.wheels.pip_install_tensorflow`.
    """
    yield wheels.pip_install_tensorflow
