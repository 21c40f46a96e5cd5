"""The plugin module: what every call of conda pays for it, and what it registers."""

from __future__ import annotations

import json
import subprocess

import pytest

from conda_tf_doctor import __version__
from conda_tf_doctor.cli.main import console
from tools.condas import Conda

IMPORT = """
import json, sys, time
import conda.cli.main, conda.cli.conda_argparse, conda.plugins, conda.plugins.manager
before = set(sys.modules)
start = time.perf_counter()
import conda_tf_doctor.plugin
took = time.perf_counter() - start
print(json.dumps({"added": sorted(set(sys.modules) - before), "took": took}))
"""


def imported(conda: Conda) -> dict[str, object]:
    done = subprocess.run([conda.python, "-c", IMPORT], env=conda.environ(), capture_output=True, text=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_importing_the_plugin_imports_nothing_else(conda: Conda) -> None:
    assert imported(conda)["added"] == ["conda_tf_doctor", "conda_tf_doctor.plugin", "conda_tf_doctor.safely"]


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_both_doors_say_which_version_they_are(conda: Conda, flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = conda.doctor(flag)
    with pytest.raises(SystemExit) as ended:
        console([flag])
    assert (told.rc, told.out, told.err) == (ended.value.code, capsys.readouterr().out, "")
    assert told.out == f"conda-tf-doctor {__version__}\n"


def test_a_command_that_is_not_ours_imports_nothing_of_ours(conda: Conda) -> None:
    code = (
        "import sys\nfrom conda.cli.main import main\n"
        "try: main('config', '--show', 'solver')\n"
        "except SystemExit: pass\n"
        "print('|'.join(sorted(name for name in sys.modules if name.startswith('conda_tf_doctor'))), file=sys.stderr)"
    )
    done = subprocess.run([conda.python, "-c", code], env=conda.environ(), capture_output=True, text=True, check=False)
    assert done.stderr.strip().splitlines()[-1] == "conda_tf_doctor|conda_tf_doctor.plugin|conda_tf_doctor.safely", (
        done.stderr
    )


def test_settings_are_known_to_conda(conda: Conda) -> None:
    conda.write_condarc("plugins: {tf_doctor_mode: block, tf_doctor_ignore: [TFD603], tf_doctor_matrix: mine.yaml}")
    code = (
        "from conda.base.context import context\n"
        "context.__init__()\n"
        "context.plugin_manager\n"
        "p = context.plugins\n"
        "print(p.tf_doctor_mode, *p.tf_doctor_ignore, p.tf_doctor_matrix)"
    )
    environ = conda.environ({"CONDA_PLUGINS_TF_DOCTOR_IGNORE": "TFD301,channel-mix"})
    done = subprocess.run([conda.python, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["block", "TFD301", "channel-mix", "TFD603", "mine.yaml"]
