"""What the guard costs conda's commands: beside nothing where TensorFlow is not touched, little where it is."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guard.worlds import build
from tests.wine import no_budget
from tools.condas import Conda

# In a conda that has imported what it needs to solve, as it has when the hooks run.
HOOKS = """
import gc, json, sys, time
import conda.cli.main, conda.cli.main_install, conda.core.link, conda.core.solve, conda.plugins.manager
from conda.base.context import context
conda.plugins.manager.get_plugin_manager()
context.__init__(argparse_args={"prefix": sys.argv[1], "cmd": "install"})
context.plugins.tf_doctor_mode
import conda_tf_doctor.plugin as plugin
from conda.models.records import PackageRecord
# Windows counts a process' time in steps of 15 ms.
clock = time.perf_counter if sys.platform == "win32" else time.process_time

def record(text):
    name, version = text.split("=")
    return PackageRecord(name=name, version=version, build="0", build_number=0, channel="conda-forge",
                         subdir="linux-64", fn=f"{name}.conda", md5="0" * 32, depends=())

def yardstick():
    began = clock()
    for number in range(300):
        json.loads(json.dumps({str(each): [each, "x" * 20] for each in range(number % 20)}))
    return (clock() - began) * 1000

link = tuple(map(record, sys.argv[2:]))
# Time of the processor, without the collector going through all of conda's objects: what is ours.
gc.disable()
began = clock()
plugin._pre_solve(frozenset(), frozenset())
plugin._post_solve("repodata.json", (), link)
took = (clock() - began) * 1000
print(json.dumps([took, min(yardstick() for _ in range(5))]))
"""
# What the yardstick takes on the machine that the limits are for, in milliseconds; others are faster or slower.
YARDSTICK = 3.0


def _hooks(conda: Conda, prefix: Path, *link: str) -> float:
    """Return what the hooks of one transaction take in a process of their own, the best of several.

    In milliseconds of the machine that the limits are for: of measured ones as many as its yardstick takes here.
    """
    command = [conda.python, "-c", HOOKS, prefix, *link]

    def once() -> float:
        done = subprocess.run(command, env=conda.environ(), capture_output=True, text=True, check=True)
        took, yardstick = json.loads(done.stdout)
        return float(took * YARDSTICK / yardstick)

    once()  # for the compiled files
    return min(once() for _ in range(7))


def _fill(prefix: Path, count: int) -> None:
    for number in range(count):
        name = f"filler{number}"
        record = {
            "build": "0", "build_number": 0, "channel": "conda-forge", "depends": ["python"], "name": name,
            "subdir": "linux-64", "version": "1.0", "files": [f"lib/{name}/{n}.py" for n in range(40)],
        }  # fmt: skip
        (prefix / "conda-meta" / f"{name}-1.0-0.json").write_text(json.dumps(record, indent=2), encoding="utf-8")
        (prefix / "lib" / "python3.10" / "site-packages" / f"{name}-1.0.dist-info").mkdir()


@no_budget
@pytest.mark.parametrize(
    ("world", "link", "limit"),
    [
        ("plain", "attrs=24.2.0", 4),
        ("pip 2.10 with CUDA", "attrs=24.2.0", 4),
        ("pip 2.10 with CUDA", "numpy=2.0.2", 40),
    ],
    ids=["no TensorFlow", "not touched", "touched"],
)
def test_hooks(world: str, link: str, limit: float, conda: Conda, make_env: Callable[..., Path]) -> None:
    """In an environment of 400 packages, in milliseconds."""
    prefix = build(world, make_env)
    _fill(prefix, 400)
    took = _hooks(conda, prefix, link)
    print(f"hooks, {world}, {link}: {took:.2f} ms")
    assert took <= limit, f"{took:.2f} ms"


@pytest.mark.long
@pytest.mark.parametrize("mode", ["block", "repair"])
def test_a_refusal_on_a_large_channel(mode: str, conda: Conda, make_env: Callable[..., Path], tmp_path: Path) -> None:
    """200,000 records: at most twice as long as `warn`, or ten seconds."""
    build("pip 2.10 with CUDA", make_env)
    large_channel(conda, tmp_path / "channels", 200_000)
    command = ("install", "-n", "env", "cudatoolkit=11.8", "--dry-run", "-y", "--json")

    def took(mode: str) -> float:
        began = time.perf_counter()
        result = conda.run(*command, env={"CONDA_PLUGINS_TF_DOCTOR_MODE": mode}, timeout=900)
        assert result.rc == (mode != "warn"), result
        assert mode == "warn" or result.json()["command"][-1] == "cudatoolkit=11.2", result
        return time.perf_counter() - began

    took("warn")  # for the caches of the channels
    warn, refused = (statistics.median(took(each) for _ in range(3)) for each in ("warn", mode))
    assert refused <= max(2 * warn, warn + 10), f"{refused:.1f} s, {warn:.1f} s"


def large_channel(conda: Conda, root: Path, count: int) -> None:
    """Have a conda's channels hold records of `count` packages besides, as many as a real one has."""
    for number, subdir in enumerate(("linux-64", "noarch")):
        document = json.loads((conda.channels / "conda-forge" / subdir / "repodata.json").read_text(encoding="utf-8"))
        for each in range(count // 2):
            name, version = f"filler{number}-{each // 25}", f"{each % 25 // 5}.{each % 5}.0"
            document["packages.conda"][f"{name}-{version}-py_{each}.conda"] = {
                "name": name, "version": version, "build": f"py_{each}", "build_number": each % 3, "subdir": subdir,
                "depends": ["python >=3.8", f"filler{number}-{each % 977}", "numpy >=1.20"], "size": each,
                "md5": f"{each:032x}", "sha256": f"{each:064x}", "timestamp": 1_600_000_000_000 + each,
            }  # fmt: skip
        folder = root / "conda-forge" / subdir
        folder.mkdir(parents=True)
        (folder / "repodata.json").write_text(json.dumps(document), encoding="utf-8")
    text = conda.condarc.read_text(encoding="utf-8")
    conda.condarc.write_text(text.replace(conda.channels.as_uri(), root.as_uri()), encoding="utf-8")
