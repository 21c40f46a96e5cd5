"""Files of the forms that public projects have: open versions, other platforms, whole exports, no last line end."""

# The files are data, and read better whole.
# ruff: noqa: E501

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import pytest

from conda_tf_doctor.cli.main import console
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.files import read_file
from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.findings import ERROR, WARNING
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.render.text import Style
from conda_tf_doctor.repair.demands import Demands, parse_demand
from conda_tf_doctor.repair.files.session import FileSession
from conda_tf_doctor.repair.session import Result, Wishes
from tests import shells


def _fix(path: Path, platform: str, *to: str, **demands: object) -> Result:
    asked = Demands(tuple(parse_demand(text) for text in to))._replace(**demands)  # type: ignore[arg-type]
    wishes = Wishes("console", asked, frozenset(), yes=True, json=True, quiet=True, offline=True)
    return FileSession(str(path), platform, "", load_matrix(), wishes, Style(StringIO(), False)).run()


# For each: file name, platform, text, what is replaced by what.
REPAIRED = {
    "renamed-on-apple-silicon-beside-open-versions": (
        "conda.yaml", "osx-arm64",
        "channels:\n  - defaults\ndependencies:\n  - python=3.7.11\n  - pip=20.0\n  - pip:\n    - tensorflow==2.7.0\n    - pandas\n",
        {"python=3.7.11": "python=3.9.23", "tensorflow==2.7.0": "tensorflow-macos==2.7.0"},
    ),
    "renamed-without-a-last-line-end": (
        "requirements.txt", "osx-arm64",
        "scikit-image==0.19.3\ntensorflow==2.12.0",
        {"tensorflow==2.12.0": "tensorflow-macos==2.12.0"},
    ),
    "renamed-in-a-flow-list-of-one": (
        "environment.yml", "osx-arm64",
        "dependencies: [python=3.10, pip, {pip: [tensorflow==2.12.0]}]\n",
        {"tensorflow==2.12.0": "tensorflow-macos==2.12.0"},
    ),
    "renamed-with-marker-comment-and-quotes": (
        "environment.yml", "osx-arm64",
        "dependencies:\n  - python=3.10\n  - pip:\n    - 'tensorflow == 2.12.0 ; python_version > \"3.6\"'  # ours\n    - six\n",
        {"tensorflow == 2.12.0": "tensorflow-macos == 2.12.0"},
    ),
    "renamed-in-pixi": (
        "pixi.toml", "osx-arm64",
        '[workspace]\nchannels = ["conda-forge"]\nplatforms = ["osx-arm64"]\n[dependencies]\npython = "3.10.*"\n'
        '[pypi-dependencies]\ntensorflow = { version = "==2.12.0" } # t\n',
        {'tensorflow = { version = "==2.12.0" }': 'tensorflow-macos = { version = "==2.12.0" }'},
    ),
    # A file of a Linux machine with a GPU, on a Mac.
    "conda's-cuda-on-apple-silicon": (
        "environment.yml", "osx-arm64",
        "channels: [conda-forge]\ndependencies:\n- python=3.9\n- cudatoolkit=11.2\n- cudnn=8.1\n- tensorflow-gpu=2.10\n- six\n",
        {"- cudatoolkit=11.2\n- cudnn=8.1\n- tensorflow-gpu=2.10": "- tensorflow=2.10"},
    ),
    "conda's-cuda-on-an-intel-mac": (
        "environment.yml", "osx-64",
        "channels: [conda-forge]\ndependencies:\n- python=3.9\n- cudatoolkit>=11\n- cudnn>=8\n- tensorflow=2.10\n- nccl\n",
        {"- cudatoolkit>=11\n- cudnn>=8\n": "", "- nccl\n": ""},
    ),
    "cuda-that-an-intel-mac-once-had": (
        "environment.yml", "osx-64",
        "channels: [defaults]\ndependencies:\n- python=3.6\n- cudatoolkit=9.0\n- cudnn\n- tensorflow=1.10\n", {},
    ),
    "conda's-gpu-name-on-a-mac-whose-channel-has-none": (
        "environment.yml", "osx-64",
        "channels: [defaults]\ndependencies:\n- python=3.7\n- protobuf=3.20\n- tensorflow-gpu=2.1\n",
        {"- tensorflow-gpu=2.1\n": "- pip\n- pip:\n  - tensorflow==2.1.4\n"},
    ),
    "pip's-gpu-name-on-apple-silicon": (
        "requirements.txt", "osx-arm64", "tensorflow-gpu==2.10.0\nnumpy==1.23.5\n",
        {"tensorflow-gpu==2.10.0": "tensorflow-macos==2.10.0"},
    ),
    "pip's-gpu-name-on-an-intel-mac": (
        "requirements.txt", "osx-64", "tensorflow-gpu==2.10.0\nnumpy==1.23.5\n",
        {"tensorflow-gpu==2.10.0": "tensorflow==2.10.0"},
    ),
    "pip's-gpu-name-without-a-version-on-apple-silicon": (
        "requirements.txt", "osx-arm64", "tensorflow-gpu\n", {"tensorflow-gpu": "tensorflow-macos==2.12.0"},
    ),
    "mac-only-name-on-linux": (
        "env.yaml", "linux-64",
        "dependencies:\n  - python=3.10\n  - pandas\n  - pip:\n    - tensorflow-macos==2.9.0\n    - six\n",
        {"tensorflow-macos==2.9.0": "tensorflow==2.9.0"},
    ),
    "mac-only-name-beside-the-other": (
        "env.yaml", "linux-64",
        "dependencies:\n  - python=3.10\n  - pip:\n    - tensorflow\n    - tensorflow-macos==2.9.0\n    - six\n",
        {"    - tensorflow-macos==2.9.0\n": ""},
    ),
    "conda's-and-pip's-with-open-versions": (
        "environment.yml", "linux-64",
        "dependencies:\n  - pip\n  - python=3.8\n  - cudatoolkit\n  - tensorflow\n  # driver\n  - pip:\n    - tensorflow-gpu==1.15.0\n",
        {"python=3.8": "python=3.7", "  - tensorflow\n": ""},
    ),
    "release-of-the-same-minor-before-the-newest": (
        "requirements.txt", "win-64", "google-cloud-bigquery\ntensorflow==1.10.1\n",
        {"tensorflow==1.10.1": "tensorflow==1.10.0"},
    ),
    "two-distributions-decided-before-their-cuda": (
        "environment.yml", "linux-64",
        "dependencies:\n  - cudatoolkit=10.1.243=h6bb024c_0\n  - cudnn=7.6.5=cuda10.1_0\n  - python=3.6.9=h265db76_0\n  - pip:\n"
        "    - tensorflow==2.4.0\n    - tensorflow-estimator==2.4.0\n    - tensorflow-gpu==2.1.0\n",
        {"    - tensorflow==2.4.0\n": "", "tensorflow-estimator==2.4.0": "tensorflow-estimator==2.1.0"},
    ),
    "pins-that-pip-refuses-beside-the-new-tensorflow": (
        "requirements.txt", "osx-arm64", "tensorflow==2.3.0\nnumpy==1.21.6\nrequests==2.25.1\n",
        {"tensorflow==2.3.0": "tensorflow==2.13.1", "numpy==1.21.6": "numpy==1.24.3"},
    ),
    "a-release-that-asks-for-what-is-not-there": (
        "requirements.txt", "linux-aarch64", "tensorflow==2.11.1\nnumpy==1.23.5\n",
        {"tensorflow==2.11.1": "tensorflow==2.11.0"},
    ),
    "one-sign-after-a-blank": (
        "requirements.txt", "linux-64", "numpy =1.26.4\ntensorflow =2.15.0  # ours\nsix\n",
        {"numpy =": "numpy ==", "tensorflow =": "tensorflow =="},
    ),
    "both-of-conda's-names-together": (
        "environment.yml", "win-64",
        "channels: [defaults]\ndependencies:\n  - python=3.7\n  - tensorflow=2.4.1\n  - tensorflow-gpu=2.4.1\n  - numpy=1.19.5\n",
        {"tensorflow=2.4.1": "tensorflow=2.3.0", "tensorflow-gpu=2.4.1": "tensorflow-gpu=2.3.0"},
    ),
    "what-apple's-channel-has-for-its-macs": (
        "environment.yml", "linux-64",
        "channels: [conda-forge]\ndependencies:\n  - python=3.11\n  - apple::tensorflow-deps\n  - pip\n  - pip:\n"
        "    - tensorflow>=2.16,<2.20\n    - tensorflow-metal\n",
        {"  - apple::tensorflow-deps\n": "", "    - tensorflow-metal\n": ""},
    ),
    # Of 2.x, TensorBoard 2.4 alone asks for what TensorFlow 2.4 does.
    "tensorboard-of-tensorflow's-own-minor": (
        "requirements.txt", "linux-64", "tensorflow==2.4.2\ngrpcio==1.32.0\nprotobuf==3.19.6\ntensorboard==1.15.0\n",
        {"tensorboard==1.15.0": "tensorboard==2.4.1"},
    ),
    "a-wheel-for-a-python-of-this-tensorflow": (
        "requirements.txt", "linux-64", "tensorflow==2.9.3\nprotobuf==3.19.6\nnumpy==1.19.5\n", {"numpy==1.19.5": "numpy==1.26.4"},
    ),
    "what-pip-took-before-its-24.1": (
        "requirements.txt", "linux-64", "tensorflow==2.15.0\nnumpy>=1.23.*,<2  # old\ntqdm>=4.60<5\n",
        {"numpy>=1.23.*,<2": "numpy>=1.23,<2", "tqdm>=4.60<5": "tqdm>=4.60,<5"},
    ),
    "renamed-within-its-range": (
        "requirements.txt", "osx-arm64", "tensorflow>=2.0,<2.13.0\nsix\n", {"tensorflow>=2.0": "tensorflow-macos>=2.0"},
    ),
    "an-add-on-for-the-new-tensorflow-and-this-platform": (
        "requirements.txt", "osx-arm64", "tensorflow==2.9.3\nprotobuf==3.19.6\nnumpy==1.23.5\ntensorflow-addons==0.12.1\n",
        {"tensorflow==2.9.3": "tensorflow-macos==2.9.2", "tensorflow-addons==0.12.1": "tensorflow-addons==0.17.0"},
    ),
    "a-kind-of-build-stays": (
        "environment.yml", "linux-64", "channels: [conda-forge]\ndependencies:\n  - python=3.11\n  - tensorflow=2.16=cuda*\n",
        {"tensorflow=2.16=cuda*": "tensorflow=2.16.2=cuda*"},
    ),
    "the-very-release-from-pip": (
        "environment.yml", "win-64",
        "channels: [conda-forge]\ndependencies:\n  - python=3.10.16\n  - tensorflow==2.19.1\n  - pip\n  - pip:\n    - six\n",
        {"  - tensorflow==2.19.1\n": "", "    - six\n": "    - six\n    - tensorflow==2.19.1\n"},
    ),
    "what-chose-a-variant-goes-with-conda's-tensorflow": (
        "environment.yml", "osx-64",
        "channels: [defaults]\ndependencies:\n  - python=3.8\n  - tensorflow=2.3.0=gpu_py38hd5b2bb1_0\n  - _tflow_select=2.1.0=gpu\n  - pip\n  - pip:\n    - six\n",
        {
            "  - tensorflow=2.3.0=gpu_py38hd5b2bb1_0\n  - _tflow_select=2.1.0=gpu\n": "",
            "    - six\n": "    - six\n    - tensorflow==2.3.4\n",
        },
    ),
    "an-open-tensorflow-beside-cuda-on-windows": (
        "environment.yml", "win-64",
        "channels: [conda-forge]\ndependencies:\n  - python=3.9\n  - cudatoolkit=11.2\n  - cudnn=8.1.0\n  - tensorflow\n  - pip\n  - pip:\n    - six\n",
        {"  - tensorflow\n": "", "    - six\n": "    - six\n    - tensorflow==2.10.1\n"},
    ),
    "the-last-for-a-gpu-of-windows-from-pip": (
        "environment.yml", "win-64",
        "channels: [conda-forge]\ndependencies:\n  - python=3.9\n  - cudatoolkit=11.2\n  - cudnn=8.1.0\n  - tensorflow=2.10\n  - pip\n  - pip:\n    - six\n",
        {"  - tensorflow=2.10\n": "", "    - six\n": "    - six\n    - tensorflow==2.10.1\n"},
    ),
    "cuda's-wheels-and-not-what-asks-the-driver": (
        "requirements.txt", "win-64", "tensorflow==2.15.0\nnvidia-nccl-cu12==2.19.3\nnvidia-ml-py3>=7.352.0\n",
        {"nvidia-nccl-cu12==2.19.3\n": ""},
    ),
    "what-conda-exported": (
        "packages.txt", "linux-64",
        "# $ conda create --name <env> --file <this file>\n# platform: linux-64\nh5py=3.10.0=nompi_py311hebc2b07_100\n"
        "numpy=2.0.0=py311h1461c94_0\npython=3.11.8=hab00c5b_0_cpython\nrequests=2.31.0=pypi_0\n"
        "tensorflow=2.15.0=cpu_py311h6749a82_2\n",
        {"numpy=2.0.0=py311h1461c94_0": "numpy=1.26.4"},
    ),
}  # fmt: skip

# Healthy ones: file name, platform, whose TensorFlow is asked for, text.
LEFT = {
    "what-conda-exported": (
        "packages.txt", "linux-64", "conda",
        "# This file may be used to create an environment using:\n# $ conda create --name <env> --file <this file>\n"
        "# platform: linux-64\nkeras=2.2.4=0\nnumpy=1.15.4=py37h7e9f1db_0\npython=3.7.3=h0371630_0\nsix=1.12.0=pypi_0\n"
        "tensorflow=1.13.1=mkl_py37h54b294f_0\n",
    ),
    "what-conda-exported-without-builds": (
        "packages.txt", "linux-64", "conda",
        "# This file may be used to create an environment using:\n# $ conda create --name <env> --file <this file>\n"
        "h5py=2.9.0\nnumpy=1.15.4\ntensorflow=1.13.1\n",
    ),
    "a-python-among-them": ("packages.txt", "linux-64", "conda", "numpy=1.15.4\npython=3.7.3\ntensorflow=1.13.1\n"),
    "specs-for-conda-with-blanks": ("packages.txt", "linux-64", "pip", "python >=3.9\nnumpy =1.26\ntensorflow =2.15.0\n"),
    "the-kernel-of-a-mac-in-a-marker": (
        "requirements.txt", "osx-arm64", "pip",
        "numpy==1.23.5\ntensorflow-macos==2.10.0; sys_platform == 'darwin' and 'ARM' in platform_version\n"
        "tensorflow==2.10.0; sys_platform == 'darwin' and 'ARM' not in platform_version\n"
        "tensorflow==2.10.0; sys_platform != 'darwin'\n",
    ),
}  # fmt: skip


def _with(text: str, replaced: dict[str, str]) -> str:
    """Return a text with each of these, which stands in it once, replaced."""
    for old, new in replaced.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(("name", "platform", "text", "replaced"), REPAIRED.values(), ids=REPAIRED)
def test_files_as_the_public_writes_them(
    name: str, platform: str, text: str, replaced: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    result = _fix(path, platform)
    expected = _with(text, replaced)
    assert path.read_bytes().decode() == expected
    assert result.status == 0
    after = diagnose(read_file(str(path), platform), load_matrix())
    assert after.tensorflow is not None
    assert [f.message for f in after.findings if f.severity == ERROR] == []
    assert _fix(path, platform).document["changes"] == []


@pytest.mark.parametrize("asked", ["==1.15.0", ">=1.15.0,<2"])
def test_code_for_tensorflow_1_gets_no_other_major_under_another_name(asked: str, tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(f"tensorflow-cpu{asked}\nnvidia-ml-py3>=7.352.0\n", encoding="utf-8")
    result = _fix(path, "osx-arm64")
    assert (result.status, result.document["changes"]) == (1, [])
    assert path.read_text(encoding="utf-8") == f"tensorflow-cpu{asked}\nnvidia-ml-py3>=7.352.0\n"


@pytest.mark.parametrize(("name", "platform", "manager", "text"), LEFT.values(), ids=LEFT)
def test_healthy_files_stay_as_they_are(name: str, platform: str, manager: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    found = diagnose(read_file(str(path), platform), load_matrix())
    assert found.tensorflow is not None and found.tensorflow.manager == manager
    assert [f.message for f in found.findings if f.severity in (ERROR, WARNING)] == []
    result = _fix(path, platform)
    assert (result.status, result.document["changes"]) == (0, [])
    assert path.read_text(encoding="utf-8") == text


# For each: file name, platform, text, what is asked for, what is replaced by what.
ASKED = {
    "a-wheel-that-is-not-listed": (
        "requirements.txt", "linux-64", "tensorflow==2.15.0\nrequests\n", ["numpy<2"],
        {"tensorflow==2.15.0\n": "tensorflow==2.15.0\nnumpy<2\n"},
    ),
    "what-the-file-says-already": (
        "requirements.txt", "linux-64", "tensorflow==2.15.0\nnumpy<2\n", ["numpy<2"], {},
    ),
    "of-several-bounds-the-tightest": (
        "environment.yml", "linux-64", "dependencies:\n  - python=3.7\n  - pip:\n    - tensorflow==1.15.2\n", ["numpy<2", "numpy<1.20,>=1.16"],
        {"    - tensorflow==1.15.2\n": "    - tensorflow==1.15.2\n    - numpy>=1.16,<1.20\n"},
    ),
    "the-same-bounds-in-another-order": (
        "environment.yml", "linux-64", "dependencies:\n  - python=3.7\n  - numpy <1.20,>=1.16.0\n  - pip:\n    - tensorflow==2.2.0\n", ["numpy>=1.16.0,<1.20"], {},
    ),
    "a-version-that-the-old-name-does-not-have": (
        "requirements.txt", "linux-64", "tensorflow-gpu==2.4.1  # GPU\nsix\n", ["tensorflow=2.15"],
        {"tensorflow-gpu==2.4.1": "tensorflow==2.15.1"},
    ),
    "a-version-that-the-old-name-does-not-have-with-the-new-one-listed": (
        "env.yaml", "win-64", "dependencies:\n  - python=3.10\n  - pip:\n    - tensorflow\n    - tensorflow-macos==2.9.0\n", ["tensorflow=2.15"],
        {"    - tensorflow-macos==2.9.0\n": "", "    - tensorflow\n": "    - tensorflow==2.15.1\n"},
    ),
    "an-exact-version-in-place-of-a-range,-with-no-channel-named": (
        "environment.yml", "win-64", "dependencies:\n- python=3.6\n- numpy>=1.15.3\n- tensorflow>=1.12.0\n", ["tensorflow=2.10"],
        {"python=3.6": "python=3.10", "tensorflow>=1.12.0": "tensorflow==2.10.0"},
    ),
    "a-package-that-no-longer-exists-for-the-python": (
        "environment.yml", "win-64", "dependencies:\n- python=3.13\n- pip\n- pip:\n  - tensorflow-gpu==1.15.0\n  - numpy==1.18.5\n", ["numpy<1.18"],
        {"python=3.13": "python=3.7", "numpy==1.18.5": "numpy==1.17.5"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "platform", "text", "to", "replaced"), ASKED.values(), ids=ASKED)
def test_what_is_asked_for_gets_into_the_file(
    name: str, platform: str, text: str, to: list[str], replaced: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    result = _fix(path, platform, *to)
    expected = _with(text, replaced)
    assert path.read_bytes().decode() == expected
    assert result.status == 0
    assert _fix(path, platform, *to).document["changes"] == []
    assert path.read_bytes().decode() == expected


def test_conda_packages_have_no_place_in_requirements(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text("tensorflow-gpu==2.4.1\nkeras==2.3.1\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"--to python: .*requirements\.txt has no place for it"):
        _fix(path, "linux-64", "python=3.8")
    # The warning that there is no CUDA is one that this file cannot help.
    result = _fix(path, "linux-64", warnings=True)
    assert result.status == 0
    assert "cudatoolkit" not in path.read_text(encoding="utf-8")


def test_what_does_not_exist_is_named_as_what_stands_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text("tensorflow==2.15.0\nnumpy==2.1.3\n", encoding="utf-8")
    conflict = _fix(path, "linux-64", "tensorflow=2.99").document["conflict"]
    assert conflict["demands"] == ["--to tensorflow=2.99"]
    assert conflict["why"] == "No tensorflow 2.99 is known for linux-64."
    conflict = _fix(path, "linux-64", "numpy>2", keep=frozenset({"tensorflow"})).document["conflict"]
    assert conflict["demands"] == ["--to numpy>2", "--keep tensorflow"]
    assert [way.split(":")[0] for way in conflict["ways"]] == ["without --to numpy>2", "without --keep tensorflow"]


BROKEN = "dependencies:\n  - python=3.11\n  - pip:\n    - tensorflow==2.15.0\n    - numpy==2.1.3\n"
UNUSABLE = {
    "two documents": (["--output", "-", "--json"], "--output - prints the file"),
    "no package": (["--keep", ""], "--keep '' names no package"),
    "two words": (["--keep", "num py"], "--keep 'num py' names no package"),
}


@pytest.mark.parametrize(("args", "reason"), UNUSABLE.values(), ids=UNUSABLE)
def test_unusable_arguments(args: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "environment.yml"
    path.write_text(BROKEN, encoding="utf-8")
    assert console(["fix", "--file", str(path), "--offline", *args]) == 2
    assert reason in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == BROKEN


def test_a_name_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "environment.yml"
    path.write_text(BROKEN, encoding="utf-8")
    assert console(["fix", "--file", str(path), "--offline", "--dry-run", "--json", "--keep", "nunpy"]) == 0
    told = capsys.readouterr()
    assert "--keep nunpy" in told.err and "no such package" in told.err
    assert json.loads(told.out)["ok"] is True


def test_contradicting_versions_name_each_other(tmp_path: Path) -> None:
    path = tmp_path / "environment.yml"
    path.write_text(BROKEN, encoding="utf-8")
    for package, one, other in (("numpy", "1.26", "1.24"), ("tensorflow", "2.18", "2.10")):
        conflict = _fix(path, "linux-64", f"{package}={one}", f"{package}={other}").document["conflict"]
        assert conflict["demands"] == [f"--to {package}={one}", f"--to {package}={other}"]
        assert f"{package} " in conflict["ways"][0] and f"-> {other}." in conflict["ways"][0]
        assert f"-> {one}." in conflict["ways"][1]


def test_a_write_protected_file_stays_what_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "environment.yml"
    path.write_text(BROKEN, encoding="utf-8")
    path.chmod(0o444)
    assert console(["fix", "--file", str(path), "--offline", "--yes"]) == 1
    assert "write-protected" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == BROKEN


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes in a folder")
def test_a_pipe_stays_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "environment.yml"
    path.write_text(BROKEN, encoding="utf-8")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_text, encoding="utf-8")
        assert console(["fix", "--file", str(path), "--offline", "--yes", "--output", str(pipe)]) == 0
        assert read.result(10) == BROKEN.replace("numpy==2.1.3", "numpy==1.26.4")
    assert pipe.is_fifo()


# What works so, and pip would never put together.
_FREEZE = """absl-py==2.1.0
astunparse==1.6.3
flatbuffers==24.3.25
gast==0.6.0
google-pasta==0.2.0
grpcio==1.64.1
h5py==3.11.0
keras==2.15.0
libclang==18.1.1
ml-dtypes==0.2.0
numpy==1.26.4
opt-einsum==3.3.0
packaging==24.1
protobuf==4.25.3
six==1.16.0
tensorboard==2.15.2
tensorflow==2.15.0
tensorflow-estimator==2.15.0
tensorflow-io-gcs-filesystem==0.37.0
termcolor==2.4.0
typing-extensions==4.12.2
wrapt==1.16.0
"""
LEFT = {
    "open": ("tensorflow==2.10.0\nnumpy\n", "TFD603", "numpy>=1.20,<2"),
    "not listed": ("tensorflow==2.4.1\n", "TFD604", "protobuf>=3.9.2,<3.21"),
    "declared, and all of an environment": (_FREEZE, "TFD611", "wrapt==1.14.2"),
    "degraded": ("tensorflow==2.2.0\nnumpy==1.21.2\nprotobuf==3.20.1\n", "TFD603", "numpy==1.19.5"),
}


@pytest.mark.parametrize(("text", "code", "repaired"), LEFT.values(), ids=LEFT)
def test_what_is_left_is_told_with_what_to_type(
    text: str, code: str, repaired: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(text, encoding="utf-8")
    assert console(["fix", "--file", str(path), "--offline", "--platform", "linux-64"]) == 0
    told = capsys.readouterr().out
    assert "Nothing has to change." in told and f"LEFT {code}" in told
    assert path.read_text(encoding="utf-8") == text
    typed = next(line.strip() for line in told.splitlines() if line.strip().startswith("conda-tf-doctor fix"))
    assert console([*shells.words(typed)[1:], "--yes", "--offline"]) == 0
    assert repaired in path.read_text(encoding="utf-8").splitlines()
    capsys.readouterr()
    assert console(["fix", "--file", str(path), "--offline", "--platform", "linux-64"]) == 0
    assert "LEFT" not in capsys.readouterr().out


def test_what_an_installer_takes_from_an_open_environment_yml(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "environment.yml"
    text = "dependencies:\n  - python=3.10\n  - {}\n  - pip:\n    - tensorflow=={}\n"
    told = {}
    for numpy, tensorflow in (("numpy", "2.10.0"), ("numpy<2", "2.10.0"), ("numpy", "2.18.0"), ("numpy", "2.15.0")):
        path.write_text(text.format(numpy, tensorflow), encoding="utf-8")
        assert console(["fix", "--file", str(path), "--offline", "--dry-run", "--platform", "linux-64"]) == 0
        told[numpy, tensorflow] = "numpy is left open" in " ".join(capsys.readouterr().out.split())
    # From 2.12 on the wheels declare a bound, and pip puts numpy 1 in the place of conda's.
    assert [pair for pair, warned in told.items() if warned] == [("numpy", "2.10.0")]


def test_a_version_for_each_python_is_not_left_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "requirements.txt"
    for line, told in (
        ('numpy==1.21.6; python_version < "3.8"\nnumpy==1.26.4; python_version >= "3.8"', 0),
        ("numpy", 1),
    ):
        path.write_text(f"tensorflow==2.10.0\nprotobuf==3.19.6\n{line}\n", encoding="utf-8")
        assert console(["check", "--file", str(path), "--platform", "linux-64", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["summary"]["warnings"] == told


@pytest.mark.parametrize("name", ["requirements.txt", "environment.yml"])
def test_what_an_included_file_pins_is_changed_there(name: str, tmp_path: Path) -> None:
    (tmp_path / "base.txt").write_text("requests\nnumpy==2.1.3\n", encoding="utf-8")
    lines = ["-r base.txt", "tensorflow==2.15.0"]
    yml = "dependencies:\n  - python=3.11\n  - pip:\n" + "".join(f"    - {line}\n" for line in lines)
    text = yml if name.endswith(".yml") else "\n".join(lines)
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"numpy has to become numpy.*, and stands in .*base\.txt: line 2"):
        _fix(path, "linux-64")
    assert path.read_text(encoding="utf-8") == text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["base.txt", name]
