"""Every environment that ``create`` prints is one that ``check`` passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_tf_doctor import versions
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.facts import Environment, System
from conda_tf_doctor.environment.files import read_file
from conda_tf_doctor.findings import ERROR
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.repair.recipe import NoRecipeError, Wanted, make

PLATFORMS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64")


def _stable(platform: str, channel: str) -> list[str]:
    names = (
        ("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-macos") if channel == "pypi" else ("tensorflow",)
    )
    found = {v for name in names for v in load_matrix().versions(name, channel, platform)}
    return sorted((v for v in found if not versions.is_prerelease(v)), key=versions.key)


@pytest.mark.parametrize("variant", ["cpu", "gpu"])
@pytest.mark.parametrize("channel", ["pypi", "conda-forge", "defaults"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_create_prints_passes_check(platform: str, channel: str, variant: str, tmp_path: Path) -> None:
    matrix = load_matrix()
    made = 0
    for version in _stable(platform, channel):
        wanted = Wanted("env", platform, f"=={version}", variant, "", channel)
        try:
            recipe = make(wanted, matrix)
        except NoRecipeError as refusal:
            assert str(refusal).endswith(".")
            continue
        file = tmp_path / "environment.yml"
        file.write_text(recipe.to_yaml(), encoding="utf-8")
        diagnosis = diagnose(read_file(str(file), platform), matrix)
        assert diagnosis.tensorflow is not None, recipe.to_yaml()
        assert diagnosis.tensorflow.version == version
        errors = [f"{f.code}: {f.message}" for f in diagnosis.findings if f.severity == ERROR]
        assert not errors, recipe.to_yaml()
        made += 1
    # Where there is a channel and a variant at all, most releases can be had.
    expected = {("linux-64", "pypi", "cpu"): 50, ("linux-64", "pypi", "gpu"): 40, ("win-64", "pypi", "cpu"): 40}
    assert made >= expected.get((platform, channel, variant), 0)


def _asked(**fields: str) -> Wanted:
    return Wanted("env", fields.pop("platform", "linux-64"), **fields)


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [
        (
            _asked(platform="win-64", tensorflow="2.10.*", variant="gpu"),
            ["python=3.10", "cudatoolkit=11.2", "cudnn=8.1", "tensorflow==2.10.1", "numpy>=1.20,<2"],
        ),
        (_asked(platform="win-64", tensorflow="2.19.*"), ["vc14_runtime >=14.40", "tensorflow-cpu==2.19.1"]),
        (_asked(platform="osx-arm64", tensorflow="2.15.*", variant="gpu"), ["tensorflow-metal==1.1.0"]),
        (
            _asked(platform="osx-64", variant="gpu"),
            ["tensorflow==2.13.1", "tensorflow-metal==1.0.0"],
        ),
        (
            _asked(platform="osx-64", tensorflow="2.5.*", variant="gpu"),
            ["tensorflow-macos==2.5.0", "tensorflow-metal==0.1.2"],
        ),
        # The index has no numpy 1.19 and no h5py 3.1 for Apple silicon; conda-forge has.
        (
            _asked(platform="osx-arm64", tensorflow="2.6.*", variant="gpu"),
            ["numpy=1.19.5", "h5py=3.1.0", "tensorflow-macos==2.6.0", "tensorflow-metal==0.2.0"],
        ),
        (_asked(tensorflow="2.15.*", variant="gpu"), ["tensorflow[and-cuda]==2.15.1", "python=3.11"]),
        (_asked(tensorflow="2.10.*", variant="gpu", channel="conda-forge"), ["tensorflow=2.10.0=cuda112*"]),
        (_asked(tensorflow="2.5.*", python="3.8"), ["python=3.8", "tensorflow-cpu==2.5.3"]),
    ],
    ids=[
        "windows-gpu",
        "windows-runtime",
        "metal",
        "intel",
        "intel-2.5",
        "silicon-2.6",
        "cuda-wheels",
        "conda-build",
        "python",
    ],
)
def test_known_rows(wanted: Wanted, lines: list[str]) -> None:
    text = make(wanted, load_matrix()).to_yaml()
    assert [line for line in lines if f"- {line}\n" not in text] == []


def test_newest_on_windows_with_a_gpu_is_the_last_that_has_one() -> None:
    assert make(_asked(platform="win-64", variant="gpu"), load_matrix()).build.tensorflow == "2.10.1"


@pytest.mark.parametrize(
    ("platform", "version", "last"),
    [("osx-arm64", "2.20.*", "2.19"), ("osx-arm64", "2.4.*", "2.19"), ("osx-64", "2.16.*", "2.13")],
)
def test_a_mac_is_given_no_build_without_metal_for_its_gpu(platform: str, version: str, last: str) -> None:
    with pytest.raises(NoRecipeError, match="tensorflow-metal") as refused:
        make(_asked(platform=platform, tensorflow=version, variant="gpu"), load_matrix())
    assert f"TensorFlow 2.5 to {last}." in refused.value.ways[0]
    assert make(_asked(platform=platform, variant="gpu"), load_matrix()).build.tensorflow == f"{last}.1"


@pytest.mark.parametrize("version", ["2.11.*", "2.12.0", ">=2.12", "==2.21.0"])
def test_native_windows_with_a_gpu_says_why_not(version: str) -> None:
    with pytest.raises(NoRecipeError, match="native Windows") as refused:
        make(_asked(platform="win-64", tensorflow=version, variant="gpu"), load_matrix())
    assert "2.10" in refused.value.ways[0]
    assert "WSL2" in refused.value.ways[1]


def test_driver_decides_which_release() -> None:
    machine = Environment("file", "", "linux-64")
    machine.virtual_packages = {"__cuda": "11.4"}
    recipe = make(_asked(variant="gpu"), load_matrix(), machine)
    assert recipe.build.cuda_built.startswith("11.")
    machine.virtual_packages = {"__cuda": "12.4"}
    assert make(_asked(variant="gpu"), load_matrix(), machine).build.cuda_built.startswith("12.")


def test_cpu_without_avx_gets_a_build_that_does_not_need_it() -> None:
    machine = Environment("file", "", "linux-64")
    machine.system = System(cpu_features={"avx": False, "avx2": False})
    recipe = make(_asked(), load_matrix(), machine)
    assert recipe.build.avx is not True


def test_32_bit_platform_is_refused() -> None:
    with pytest.raises(NoRecipeError, match="32-bit"):
        make(_asked(platform="win-32"), load_matrix())
