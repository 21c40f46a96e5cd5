"""TFD103 of files: what a file asks an installer for, and that has for no Python on this platform."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.files import read_file
from conda_tf_doctor.matrix.load import load_matrix
from tests.wholes import said

FORGE = "channels: [conda-forge, nodefaults]\ndependencies:\n- python=3.10\n"
BY_PIP = "- pip:\n  - tensorflow==2.16.1\n"
NEVER_12 = "There never was a cudatoolkit 12.2: conda installs nothing of the file. "


def of_conda(channels: str, *asked: str, python: str = "3.9") -> str:
    return f"channels: [{channels}]\ndependencies:\n- python={python}\n" + "".join(f"- {each}\n" for each in asked)


def of_pip(python: str, *asked: str) -> str:
    return f"dependencies:\n- python={python}\n- pip:\n" + "".join(f"  - {each}\n" for each in asked)


# A platform and a file's text (with dependencies: conda's); of each TFD103 the package, what is expected, and how the
# sentence begins.
CASES = {
    "a package for Macs alone": (
        "linux-64", "tensorflow==2.13.0\ntensorflow-metal==1.0.1\n",
        [("tensorflow-metal", "osx-64 or osx-arm64", "No release of tensorflow-metal exists for linux-64: ")],
    ),
    "a package for Linux alone": (
        "win-64", "tensorflow==2.10.0\nscann==1.2.7\n",
        [("scann", "linux-64 or linux-aarch64", "No release of scann exists for win-64: ")],
    ),
    "a package that is built of its source": ("win-64", "tensorflow==2.10.0\nabsl-py==0.9.0\n", []),
    "a package of which nothing is known": ("win-64", "tensorflow==2.10.0\ntensorflow-unheard==0.9.0\n", []),
    "a package that is built where it has no wheel": (
        "win-64", of_pip("3.10", "tensorflow==2.10.0", "numpy==1.16.0"), [],
    ),
    "an add-on that had wheels for the platform before": (
        "win-64", "tensorflow==2.10.0\ntensorflow-text==2.18.0\n",
        [("tensorflow-text", "2.10.0", "tensorflow-text 2.18.0 has no wheel for win-64: ")],
    ),
    "an add-on that has wheels for the platform since": (
        "linux-aarch64", "tensorflow==2.18.0\ntensorflow-text==2.10.0\n",
        [("tensorflow-text", "2.18.1", "tensorflow-text 2.10.0 has no wheel for linux-aarch64: ")],
    ),
    # 0.21 alone goes with 2.13, and 0.22 has a wheel as well.
    "an add-on that goes with this TensorFlow": (
        "osx-arm64", of_pip("3.11", "tensorflow==2.13.0", "tensorflow-addons==0.20.0"),
        [("tensorflow-addons", "0.21.0", "tensorflow-addons 0.20.0 has no wheel for osx-arm64 and Python 3.11: ")],
    ),
    "an add-on of which none goes with this TensorFlow": (
        "osx-arm64", of_pip("3.11", "tensorflow-macos==2.12.0", "tensorflow-addons==0.20.0"),
        [("tensorflow-addons", "0.21.0", "tensorflow-addons 0.20.0 has no wheel for osx-arm64 and Python 3.11: ")],
    ),
    "an add-on that goes with it, and not the newest": (
        "win-64", of_pip("3.9", "tensorflow==2.10.0", "tensorflow-io==0.36.0"),
        [("tensorflow-io", "0.27.0", "tensorflow-io 0.36.0 has no wheel for win-64 and Python 3.9: ")],
    ),
    "an add-on that has no wheel for this Python at all": (
        "osx-arm64", of_pip("3.8", "tensorflow-macos==2.10.0", "tensorflow-text==2.10.0"), [],
    ),
    "an add-on of Windows' last wheel": ("win-64", "tensorflow==2.10.0\ntensorflow-text==2.10.0\n", []),
    "an add-on of no release": ("win-64", "tensorflow==2.10.0\ntensorflow-text\n", []),
    "an add-on of a release that there never was": ("linux-64", "tensorflow==2.10.0\ntensorflow-text==2.10.7\n", []),
    "CUDA's wheels on Windows": (
        "win-64", "tensorflow[and-cuda]==2.15.1\n",
        [("tensorflow", "tensorflow without [and-cuda]", "tensorflow[and-cuda] brings nvidia-nccl-cu12, of which ")],
    ),
    "CUDA's wheels of any release, on a Mac": (
        "osx-arm64", "tensorflow[and-cuda]\n",
        [("tensorflow", "tensorflow without [and-cuda]", "tensorflow[and-cuda] brings nvidia-cublas-cu12, of which ")],
    ),
    "CUDA's wheels of a release that nobody knows": (
        "win-64", "tensorflow[and-cuda]==2.99.0\n",
        [("tensorflow", "tensorflow without [and-cuda]", "tensorflow[and-cuda] brings nvidia-nccl-cu12, of which ")],
    ),
    # pip warns that there is no such extra, and installs it.
    "CUDA's wheels of a release before the extra": (
        "win-64", "tensorflow[and-cuda]==2.10.0\n",
        [
            (
                "tensorflow", "tensorflow without [and-cuda]",
                "tensorflow[and-cuda]: 2.10.0 has no such extra, and pip installs it without CUDA's wheels.",
            )
        ],
    ),
    "CUDA's wheels of a release before the extra, on Linux": ("linux-64", "tensorflow[and-cuda]==2.10.0\n", []),
    "CUDA's wheels on Linux": ("linux-64", "tensorflow[and-cuda]==2.16.1\n", []),
    "another extra on Windows": ("win-64", "tensorflow[other]==2.15.1\n", []),
    "the extra of another package": ("win-64", "tensorflow==2.15.1\nkeras-hub[and-cuda]==0.15\n", []),
    "a TensorFlow before all that the index has": ("linux-64", "tensorflow==0.5.0\n", []),
    "a TensorFlow that there never was": (
        "linux-64", "tensorflow==2.8.9\n",
        [("tensorflow", "2.8.4", "There never was a release 2.8.9 of tensorflow; of 2.8 there are 2.8.0rc0, ")],
    ),
    "a minor that there never was": (
        "linux-64", "tensorflow==1.16.0\n",
        [("tensorflow", "a release", "There never was a release 1.16.0 of tensorflow.")],
    ),
    "the first release of the index": ("linux-64", "tensorflow==0.12.0\n", []),
    "the last release of the index": ("linux-64", "tensorflow==2.21.0\n", []),
    "tensorflow-gpu after its end": (
        "win-64", "tensorflow-gpu==2.12.0\n",
        [("tensorflow-gpu", "tensorflow 2.12.0", "tensorflow-gpu 2.12.0 brings no TensorFlow: ")],
    ),
    "tensorflow-gpu after its end, on a Mac of today": (
        "osx-arm64", "tensorflow-gpu==2.12.0\n",
        [("tensorflow-gpu", "tensorflow-macos 2.12.0", "tensorflow-gpu 2.12.0 brings no TensorFlow: ")],
    ),
    "a TensorFlow that conda-forge never had": (
        "linux-64", f"{FORGE}- tensorflow=2.10.7\n",
        [
            (
                "tensorflow", "2.10.0",
                "There never was a release 2.10.7 of tensorflow in conda-forge; of 2.10 there is 2.10.0.",
            )
        ],
    ),
    "a TensorFlow that defaults alone had": (
        "linux-64", of_conda("conda-forge, nodefaults", "tensorflow=2.5.0"),
        [("tensorflow", "a release", "There never was a release 2.5.0 of tensorflow in conda-forge.")],
    ),
    "a TensorFlow that defaults had, which conda may ask as well": (
        "linux-64", of_conda("conda-forge", "tensorflow=2.5.0"), [],
    ),
    "a TensorFlow that neither had": (
        "linux-64", of_conda("conda-forge", "tensorflow=2.2.9"),
        [
            (
                "tensorflow", "2.2.0",
                "There never was a release 2.2.9 of tensorflow in conda-forge or defaults; of 2.2 there is 2.2.0.",
            )
        ],
    ),
    "a TensorFlow that conda-forge alone had": (
        "linux-64", of_conda("defaults", "tensorflow=2.4.3"),
        [("tensorflow", "2.4.1", "There never was a release 2.4.3 of tensorflow in defaults; of 2.4 there is 2.4.1.")],
    ),
    "a TensorFlow that somebody's own channel may have": (
        "linux-64", of_conda("ours, conda-forge", "tensorflow=2.2.9"), [],
    ),
    "a channel that has no TensorFlow beside one that never had this": (
        "linux-64", of_conda("pytorch, conda-forge, nodefaults", "tensorflow=2.2.9"),
        [("tensorflow", "a release", "There never was a release 2.2.9 of tensorflow in conda-forge.")],
    ),
    "a TensorFlow that neither of two channels had": (
        "linux-64", of_conda("conda-forge, defaults", "tensorflow=2.2.9"),
        [
            (
                "tensorflow", "2.2.0",
                "There never was a release 2.2.9 of tensorflow in conda-forge or defaults; of 2.2 there is 2.2.0.",
            )
        ],
    ),
    # Nobody's other channel has it for this Python.
    "a TensorFlow that is not for Windows": (
        "win-64", of_conda("conda-forge", "tensorflow=2.10", python="3.7"),
        [("tensorflow", "linux-64 or osx-64 or osx-arm64", "No build of tensorflow 2.10.0 exists for win-64 ")],
    ),
    "the first tensorflow-gpu of defaults": (
        "linux-64", of_conda("defaults", "tensorflow-gpu=1.1.0", python="3.6"), [],
    ),
    "no channel that has a TensorFlow": ("linux-64", of_conda("pytorch, nodefaults", "tensorflow=2.2.9"), []),
    "a TensorFlow that somebody exported": ("linux-64", f"{FORGE}- tensorflow=2.10.7=cuda112py310h1_0\n", []),
    "a TensorFlow newer than all that are known": ("linux-64", f"{FORGE}- tensorflow=2.99.0\n", []),
    "cudatoolkit 12 beside builds for CUDA 12": (
        "linux-64", f"{FORGE}- cudatoolkit=12.2\n- tensorflow=2.15\n",
        [("cudatoolkit", "cuda-version 12.2, or cudatoolkit up to 11.8", NEVER_12)],
    ),
    "cudatoolkit 12 beside builds for CUDA 11": (
        "linux-64", f"{FORGE}- cudatoolkit=12.2\n- tensorflow=2.10\n",
        [("cudatoolkit", "cuda-version 12.2, or cudatoolkit up to 11.8", NEVER_12)],
    ),
    "cudatoolkit 12 for a Mac, which has none": (
        "osx-64", f"{FORGE}- cudatoolkit=12.2\n- tensorflow=2.10\n",
        [("cudatoolkit", "linux-64 or win-64", "No build of cudatoolkit 12.2 exists for osx-64: ")],
    ),
    "cudatoolkit 12 for pip's": (
        "linux-64", f"{FORGE}- cudatoolkit=12.2\n{BY_PIP}",
        [("cudatoolkit", "cuda-toolkit 12.2, or cudatoolkit up to 11.8", NEVER_12)],
    ),
    "cudatoolkit 12 of whatever channel conda asks": (
        "linux-64", f"dependencies:\n- python=3.10\n- cudatoolkit=12.2\n{BY_PIP}",
        [("cudatoolkit", "cuda-toolkit 12.2, or cudatoolkit up to 11.8", NEVER_12)],
    ),
    "exactly one cudatoolkit of 12": (
        "linux-64", f"{FORGE}- cudatoolkit==12.2.0\n{BY_PIP}",
        [("cudatoolkit", "cuda-toolkit 12.2, or cudatoolkit up to 11.8", NEVER_12.replace("12.2", "12.2.0"))],
    ),
    "cudatoolkit from 12 on": (
        "linux-64", f"{FORGE}- cudatoolkit>=12,<13\n{BY_PIP}",
        [
            (
                "cudatoolkit", "cuda-toolkit 12.0, or cudatoolkit up to 11.8",
                NEVER_12.replace("12.2", ">=12,<13"),
            )
        ],
    ),
    "one that was, or cudatoolkit 12": ("linux-64", f"{FORGE}- cudatoolkit=11.8|12.2\n{BY_PIP}", []),
    "cudatoolkit from 12 on, or one before 11": ("linux-64", f"{FORGE}- cudatoolkit>=12|<11\n{BY_PIP}", []),
    "cudatoolkit from the last on": ("linux-64", f"{FORGE}- cudatoolkit>=11.8\n{BY_PIP}", []),
    "cudatoolkit before 13": ("linux-64", f"{FORGE}- cudatoolkit<13\n{BY_PIP}", []),
    "any cudatoolkit": ("linux-64", f"{FORGE}- cudatoolkit\n{BY_PIP}", []),
    "cudatoolkit 12 of somebody's own channel": (
        "linux-64", of_conda("ours", "cudatoolkit=12.2", python="3.10") + BY_PIP, [],
    ),
    "the package by which one chooses CUDA 12": ("linux-64", f"{FORGE}- cuda-version=12.2\n{BY_PIP}", []),
    "what Apple has for its Macs": (
        "linux-64", of_conda("apple, conda-forge", "tensorflow-deps=2.10", python="3.10") + BY_PIP,
        [("tensorflow-deps", "osx-arm64", "No build of tensorflow-deps exists for linux-64: ")],
    ),
    "what Apple has for its Macs, on one": (
        "osx-arm64", of_conda("apple, conda-forge", "tensorflow-deps=2.10", "pip", python="3.10") + BY_PIP, [],
    ),
    "an extra that asks for a TensorRT": (
        "linux-64", of_pip("3.10", "tensorflow[and-cuda]==2.15.0"),
        [("tensorflow", "2.15.1 or later", "tensorflow[and-cuda] 2.15.0 asks for a TensorRT ")],
    ),
    "what only looks like the extra of a TensorFlow": (
        "linux-64", "tensorflow==2.16.1\nkeras-hub[and-cuda]==2.15.0\n", [],
    ),
    "an extra that need not": ("linux-64", "tensorflow[and-cuda]\n", []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_no_installer_finds_for_a_platform(case: str, tmp_path: Path) -> None:
    platform, text, expected = CASES[case]
    file = tmp_path / ("environment.yml" if "dependencies:" in text else "requirements.txt")
    file.write_text(text)
    findings = said(f for f in diagnose(read_file(str(file), platform), load_matrix()).findings if not f.is_open)
    found = [f for f in findings if f.code == "TFD103"]
    assert [(f.package, f.expected) for f in found] == [(name, wanted) for name, wanted, _ in expected]
    assert all(f.message.startswith(begins) for f, (*_, begins) in zip(found, expected, strict=True))


def test_a_toolkit_out_of_a_range_is_one_that_there_is(tmp_path: Path) -> None:
    file = tmp_path / "environment.yml"
    for spec, there in (("<13", "11.8.0"), (">=10.0,<10.2", "10.1.243"), ("<9.1", "9.0")):
        file.write_text(f"{FORGE}- cudatoolkit{spec}\n{BY_PIP}")
        found = diagnose(read_file(str(file), "linux-64"), load_matrix()).findings
        assert [f"beside CUDA {there} " in f.message for f in found if f.code == "TFD301"] == [True]


# A file for Linux; of each finding about CUDA that is no information its code, what is expected, and the sentence.
REFUSED = {
    "a build for another CUDA": (
        f"{FORGE}- tensorflow=2.10.0=cuda112py310he87a039_0\n- cudatoolkit=10.1\n",
        [
            (
                "TFD301", "cudatoolkit >=11.2,<12",
                "No GPU build of tensorflow 2.10.0 goes with cudatoolkit 10.1 (conda): conda refuses them together.",
            )
        ],
    ),
    "builds for two others": (
        f"{FORGE}- tensorflow=2.15\n- cudatoolkit=11.2\n",
        [
            (
                "TFD301", "cudatoolkit >=11.8,<12 or >=12.0,<13",
                "No GPU build of tensorflow 2.15.0 goes with cudatoolkit 11.2 (conda): conda takes a build without "
                "CUDA, and the GPU will not be used.",
            )
        ],
    ),
    # Conda's solver knows nothing of what pip installs then.
    "a wheel of NVIDIA's": (
        f"{FORGE}- tensorflow=2.10\n- pip\n- pip:\n  - nvidia-cuda-runtime-cu12==12.1.105\n", [],
    ),
    "any cuDNN": (f"{FORGE}- tensorflow-gpu=2.10\n- cudnn\n", []),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_none_of_conda_s_gpu_builds_goes_with(case: str, tmp_path: Path) -> None:
    text, expected = REFUSED[case]
    file = tmp_path / "environment.yml"
    file.write_text(text)
    findings = said(f for f in diagnose(read_file(str(file), "linux-64"), load_matrix()).findings if not f.is_open)
    found = [f for f in findings if f.code.startswith("TFD3") and f.severity != "info"]
    assert [(f.code, f.expected, f.message) for f in found] == expected
