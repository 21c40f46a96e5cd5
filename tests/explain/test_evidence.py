"""An error text beside the facts, through the engine: what is an error, what is refuted, what comes first."""

from __future__ import annotations

from typing import Any

import pytest

from conda_tf_doctor.context.context import Context
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.engine.diagnosis import Diagnosis
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.explain.rank import rank
from conda_tf_doctor.matrix.load import load_matrix

DLL = "ImportError: DLL load failed: The specified module could not be found."
INIT = (
    "ImportError: DLL load failed while importing _pywrap_tensorflow_internal: "
    "A dynamic link library (DLL) initialization routine failed."
)


def checked(text: str, platform: str, packages: dict[str, str], manager: str = "pip", **fields: Any) -> Diagnosis:
    named = [{"name": name, "version": version, "manager": manager} for name, version in packages.items()]
    report = {"platform": platform, "packages": named, "error_text": text, **fields}
    return diagnose(environment_of(report, "test"), load_matrix())


def errors(diagnosis: Diagnosis) -> list[str]:
    return [finding.name for finding in diagnosis.findings if finding.severity == "error"]


@pytest.mark.parametrize(
    ("text", "platform", "packages", "fields", "first"),
    [
        pytest.param(DLL, "win-64", {"tensorflow": "2.3.1"}, {}, "vc-runtime-missing", id="nothing else is known"),
        pytest.param(
            DLL,
            "win-64",
            {"tensorflow": "2.3.1"},
            {"system": {"vc_runtime": "14.16.27033"}},
            "vc-runtime-old",
            id="2017's runtime",
        ),
        pytest.param(
            DLL,
            "win-64",
            {"tensorflow-gpu": "1.12.0"},
            {"system": {"cuda_installed": ["10.0"]}},
            "cuda-mismatch",
            id="CUDA 10 for 9",
        ),
        pytest.param(DLL, "win-64", {"tensorflow-gpu": "1.12.0"}, {}, "cuda-mismatch", id="a GPU build imports CUDA"),
        pytest.param(
            DLL,
            "win-64",
            {"tensorflow-gpu": "1.10.0"},
            {"system": {"cuda_installed": ["9.0"], "cudnn_installed": ["6.0"]}},
            "cudnn-mismatch",
            id="right CUDA, wrong cuDNN",
        ),
        pytest.param(
            "ImportError: DLL load failed",
            "win-64",
            {"tensorflow": "1.12.0"},
            {"system": {"vc_runtime": "14.0.24215"}},
            "cpu-no-avx",
            id="the usual runtime is there",
        ),
        pytest.param(
            "ImportError: DLL load failed",
            "win-64",
            {"tensorflow": "1.12.0"},
            {"system": {"cpu_features": {"avx": True}}},
            "vc-runtime-missing",
            id="a CPU with AVX",
        ),
        pytest.param(
            DLL,
            "win-64",
            {"tensorflow": "1.15.0"},
            {"python": {"version": "3.6.8", "bits": 32}},
            "python-32bit",
            id="32-bit Python",
        ),
        pytest.param(
            "ImportError: DLL load failed",
            "win-64",
            {"tensorflow": ""},
            {"system": {"cpu_model": "Intel(R) Core(TM)2 Duo CPU E8400"}},
            "cpu-no-avx",
            id="no version, a CPU of 2008",
        ),
        pytest.param(
            "Cannot dlopen some GPU libraries.",
            "linux-64",
            {"tensorflow": "2.17.0", "nvidia-cuda-runtime-cu12": "", "nvidia-cudnn-cu12": ""},
            {},
            "cuda-missing",
            id="pip's CUDA of unknown version is no other CUDA",
        ),
        pytest.param(
            INIT,
            "win-64",
            {"tensorflow": "2.19.0"},
            {},
            "vc-runtime-old",
            id="1114: what 2.18.1 and later need is 14.40",
        ),
        pytest.param(
            INIT, "win-64", {"tensorflow": "2.10.0"}, {}, "cpu-no-avx", id="1114: an older build, the CPU is not known"
        ),
        pytest.param(
            INIT,
            "win-64",
            {"tensorflow": "2.10.0"},
            {"system": {"os": "Windows 11"}},
            "vc-runtime-old",
            id="1114: the CPUs of Windows 11 have AVX",
        ),
        pytest.param(
            INIT,
            "win-64",
            {"tensorflow": "2.19.0"},
            {"system": {"vc_runtime": "14.44.35211"}},
            "cpu-no-avx",
            id="1114: the runtime is new enough",
        ),
        pytest.param(
            INIT,
            "win-64",
            {"tensorflow": "2.10.0"},
            {"system": {"cpu_features": {"avx": True}}},
            "vc-runtime-old",
            id="1114: the CPU has AVX",
        ),
        pytest.param(
            "My tensorflow-gpu runs only on cpu, how to fix it?",
            "linux-64",
            {"tensorflow": "1.2.0", "tensorflow-gpu": "1.2.1"},
            {},
            "duplicate-tf-distributions",
            id="the CPU package lies over the GPU package",
        ),
        pytest.param(
            "tensorflow-gpu 2.2.0 requires gast==0.3.3, but you have gast 0.3.0 which is incompatible.\n"
            "tf-nightly 2.6.0.dev20210526 requires gast==0.4.0, but you have gast 0.3.0 which is incompatible.",
            "linux-64",
            {"tensorflow-gpu": "2.2.0", "tf-nightly": "2.6.0.dev20210526", "gast": "0.3.0"},
            {},
            "duplicate-tf-distributions",
            id="pip lists the wishes of two TensorFlows",
        ),
        pytest.param(
            "tensorflow 2.4.1 requires numpy~=1.19.2, but you have numpy 1.24.1 which is incompatible.",
            "linux-64",
            {"tensorflow": "2.4.1", "numpy": "1.24.1"},
            {},
            "numpy-abi",
            id="pip names what does break",
        ),
        pytest.param(
            "GPU not used, only CPU: the first op is stuck after opening libcudart.so.10.1",
            "linux-64",
            {"tensorflow": "2.3.0"},
            {"system": {"gpu": "GeForce RTX 3090", "cuda_installed": ["10.1"]}},
            "cuda-mismatch",
            id="a GPU newer than the build's CUDA",
        ),
        pytest.param(
            DLL,
            "win-64",
            {"tensorflow-gpu": "1.4.0"},
            {"system": {"cuda_installed": ["8.0"], "cudnn_installed": ["6.0"]}},
            "path-conflict",
            id="right CUDA, right cuDNN, wrong PATH",
        ),
        pytest.param(
            "Illegal instruction (core dumped)", "linux-64", {"tensorflow": "2.4.0"}, {}, "cpu-no-avx", id="SIGILL"
        ),
        pytest.param(
            "Illegal instruction (core dumped)",
            "linux-64",
            {"tensorflow": "2.4.0"},
            {"system": {"cpu_features": {"avx": True}}},
            "cpu-no-avx",
            id="SIGILL in spite of AVX: newer instructions",
        ),
        pytest.param(
            "zsh: illegal hardware instruction  python",
            "osx-64",
            {"tensorflow": "2.5.0"},
            {"system": {"machine": "arm64"}},
            "macos-arm-x86",
            id="Rosetta",
        ),
        pytest.param(
            "Num GPUs Available:  0",
            "win-64",
            {"tensorflow": "2.13.0"},
            {"system": {"cuda_installed": ["11.8"]}},
            "gpu-unsupported-on-windows",
            id="no GPU on Windows since 2.11",
        ),
        pytest.param(
            "Num GPUs Available:  0", "linux-64", {"tensorflow": "2.12.0"}, {}, "cuda-missing", id="no CUDA on Linux"
        ),
        pytest.param(
            "Num GPUs Available:  0",
            "linux-64",
            {"tensorflow": "2.4.0"},
            {"system": {"cuda_installed": ["10.1"]}},
            "cuda-mismatch",
            id="another CUDA on Linux",
        ),
        pytest.param(
            "ImportError: libcudart.so.9.0: cannot open shared object file: No such file or directory",
            "linux-64",
            {"tensorflow-gpu": "1.12.0"},
            {"system": {"cuda_installed": ["9.0"]}},
            "cuda-missing",
            id="the right CUDA, not on the loader's path",
        ),
        pytest.param(
            "TypeError: Descriptors cannot not be created directly.",
            "linux-64",
            {"tensorflow": "2.8.0", "protobuf": "4.21.1", "numpy": "1.22.0"},
            {"system": {"cuda_installed": ["10.1"]}},
            "protobuf-mismatch",
            id="what the text says comes before a CUDA that nobody asked about",
        ),
        pytest.param(
            "AttributeError: 'str' object has no attribute 'decode'",
            "linux-64",
            {"tensorflow": "2.3.0", "h5py": "3.1.0"},
            {},
            "h5py-mismatch",
            id="h5py 3",
        ),
        pytest.param(
            "No matching distribution found for tensorflow",
            "linux-aarch64",
            {},
            {"requested": [{"name": "tensorflow", "version": "2.3.0", "manager": "pip"}]},
            "platform-unsupported",
            id="no wheel for ARM",
        ),
    ],
)
def test_first_error(text: str, platform: str, packages: dict[str, str], fields: dict[str, Any], first: str) -> None:
    assert errors(checked(text, platform, packages, **fields))[:1] == [first]


def test_a_text_without_tensorflow_still_speaks() -> None:
    diagnosis = checked(
        "CUDA driver version is insufficient for CUDA runtime version", "win-64", {"cudatoolkit": "10.0.130"}, "conda"
    )
    assert diagnosis.tensorflow is None
    assert errors(diagnosis) == ["driver-too-old"]


def test_a_failure_of_something_else_adds_nothing_but_that_it_is_unexplained() -> None:
    packages = {"tensorflow": "2.15.0", "numpy": "1.26.4"}
    plain = checked("", "linux-64", packages)
    other = checked("KeyError: 'loss'", "linux-64", packages)
    assert tuple(f for f in other.findings if f.code != "TFD903") == plain.findings
    assert (plain.ok, other.ok, len(other.findings) - len(plain.findings)) == (True, False, 1)


def test_harmless_lines_are_no_error() -> None:
    text = (
        "This TensorFlow binary is optimized to use available CPU instructions in performance-critical operations.\n"
        "TF-TRT Warning: Could not find TensorRT\n"
    )
    assert checked(text, "linux-64", {"tensorflow": "2.15.0", "numpy": "1.26.4"}).ok


def test_facts_refute_a_cause() -> None:
    diagnosis = checked(
        DLL, "win-64", {"tensorflow": "2.3.1"}, system={"vc_runtime": "14.38.33135", "cpu_features": {"avx": True}}
    )
    assert not {"vc-runtime-missing", "vc-runtime-old", "cpu-no-avx"} & set(errors(diagnosis))


def test_a_finding_of_the_text_says_how_sure_it_is() -> None:
    found = next(f for f in checked(DLL, "win-64", {"tensorflow": "2.3.1"}).findings if f.severity == "error")
    assert found.confidence == "likely"
    assert found.found == DLL
    assert found.needs
    assert found.fix.note
    certain = checked("libdevice not found at ./libdevice.10.bc", "linux-64", {"tensorflow": "2.9.0"}).findings[0]
    assert (certain.name, certain.confidence, certain.needs) == ("ptxas-libdevice-missing", "certain", ())


def test_one_finding_for_text_and_facts() -> None:
    diagnosis = checked(
        "ImportError: numpy.core.umath failed to import", "linux-64", {"tensorflow": "2.15.1", "numpy": "2.2.6"}
    )
    found = [finding for finding in diagnosis.findings if finding.name == "numpy-abi"]
    assert len(found) == 1
    assert found[0].expected
    assert any(line.startswith("error_text:") for line in found[0].evidence)


def test_what_the_user_saw_outranks_what_is_only_declared() -> None:
    """numpy 1.20 imports with TensorFlow 2.5, so facts alone make it no error; the text shows that it broke."""
    packages = {"tensorflow": "2.5.0", "numpy": "1.21.0"}
    assert checked("", "linux-64", packages).ok
    text = "NotImplementedError: Cannot convert a symbolic Tensor (lstm/strided_slice:0) to a numpy array."
    assert errors(checked(text, "linux-64", packages)) == ["numpy-abi"]


def test_a_vendors_build_is_not_judged_by_the_official_one() -> None:
    """NVIDIA's own 1.15 is for Python 3.8 and CUDA 11, of which the official 1.15 knows nothing."""
    assert checked(
        "", "linux-64", {"nvidia-tensorflow": "1.15.5", "python": "3.8.10"}, system={"cuda_installed": ["11.4"]}
    ).ok


@pytest.mark.parametrize(
    "text",
    [
        "Running on CPU\nEpoch 1/5 60000/60000 loss: 0.2",
        "Num GPUs Available:  1\n[PhysicalDevice(name='/physical_device:GPU:0', device_type='GPU')]",
        "Created device /job:localhost/replica:0/task:0/device:GPU:0 with 9600 MB memory",
        "Unable to register cuDNN factory: Attempting to register factory for plugin cuDNN when one has been",
        "ResourceExhaustedError: OOM when allocating tensor on device:GPU:0 by allocator GPU_0_bfc",
        "training is stuck at epoch 1, GPU memory 90% used",
        "ValueError: Shapes (None, 1) and (None, 10) are incompatible",
    ],
    ids=["cpu", "gpu", "device", "factory", "memory", "stuck", "shapes"],
)
@pytest.mark.parametrize("distribution", ["tensorflow", "tensorflow-cpu"])
def test_what_is_no_fault_of_the_environment_is_no_error(text: str, distribution: str) -> None:
    machine = {"cuda_installed": ["12.2"], "cudnn_installed": ["8.9"], "gpu": "RTX 3090", "cuda_driver": "535.54.03"}
    assert errors(checked(text, "linux-64", {distribution: "2.15.0"}, system=machine)) == []


NO_CUDART = (
    "2022-03-01 10:00:00.000001: W tensorflow/stream_executor/platform/default/dso_loader.cc:64] Could not load "
    "dynamic library 'libcudart.so.11.0'; dlerror: libcudart.so.11.0: cannot open shared object file: No such file or "
    "directory\n2022-03-01 10:00:00.000002: I tensorflow/stream_executor/cuda/cudart_stub.cc:29] Ignore above cudart "
    "dlerror if you do not have a GPU set up on your machine.\n"
)
NO_DRIVER = (
    "2021-07-01 09:00:00.100001: W tensorflow/stream_executor/platform/default/dso_loader.cc:60] Could not load "
    "dynamic library 'libcuda.so.1'; dlerror: libcuda.so.1: cannot open shared object file: No such file or directory\n"
    "2021-07-01 09:00:00.100002: W tensorflow/stream_executor/cuda/cuda_driver.cc:326] failed call to cuInit: UNKNOWN "
    "ERROR (303)\n2021-07-01 09:00:00.100003: I tensorflow/stream_executor/cuda/cuda_diagnostics.cc:156] kernel driver "
    "does not appear to be running on this host (laptop): /proc/driver/nvidia/version does not exist\n"
)
NO_CUDA_DRIVERS = "Could not find cuda drivers on your machine, GPU will not be used.\n"
OTHER_LOGS = (
    "I tensorflow/core/util/port.cc:113] oneDNN custom operations are on. You may see slightly different results.\n"
    "I tensorflow/core/platform/cpu_feature_guard.cc:210] This TensorFlow binary is optimized to use available CPU "
    "instructions.\nTo enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow.\n"
    "W tensorflow/compiler/tf2tensorrt/utils/py_utils.cc:38] TF-TRT Warning: Could not find TensorRT\n"
)


@pytest.mark.parametrize(
    ("log", "version"),
    [
        pytest.param(NO_CUDART, "2.8.0", id="no CUDA runtime"),
        pytest.param(NO_CUDART + NO_DRIVER, "2.5.0", id="neither runtime nor driver"),
        pytest.param(NO_CUDA_DRIVERS + OTHER_LOGS, "2.15.0", id="no driver, newer words"),
    ],
)
@pytest.mark.parametrize(
    "rest",
    [
        pytest.param("Hello, 30\ntf.Tensor(7, shape=(), dtype=int32)", id="it works"),
        pytest.param(
            'File "/home/u/train.py", line 9, in <module>\nKeyError: "loss"', id="an exception of the program's own"
        ),
        pytest.param(
            'File "/home/u/envs/tf-gpu/lib/python3.9/site-packages/pandas/io/parsers.py", line 3\n'
            "FileNotFoundError: [Errno 2] No such file or directory: 'data.csv'",
            id="a folder with gpu in its name",
        ),
        pytest.param("AssertionError: Torch not compiled with CUDA enabled", id="another framework's GPU"),
        pytest.param("RuntimeError: CUDA error: device-side assert triggered", id="another framework's CUDA"),
        pytest.param(
            "ImportError: DLL load failed while importing cv2: The specified module could not be found.",
            id="another package's DLL",
        ),
        pytest.param("ModuleNotFoundError: No module named 'tensorflow.contrib'", id="a program for TensorFlow 1"),
        pytest.param(
            "tensorflow.python.framework.errors_impl.InvalidArgumentError: Graph execution error:", id="a wrong shape"
        ),
        pytest.param("spyder 5.1.5 requires pyqt5<5.13, which is not installed.", id="pip on something else"),
    ],
)
def test_what_is_logged_wherever_there_is_no_gpu_is_no_error(log: str, version: str, rest: str) -> None:
    assert errors(checked(log + rest, "linux-64", {"tensorflow": version})) == []


@pytest.mark.parametrize(
    ("text", "system", "first"),
    [
        pytest.param(NO_CUDART, {}, ["cuda-missing"], id="nothing but the line: it is what is asked about"),
        pytest.param(NO_CUDART, {"gpu": "Intel Iris Xe Graphics"}, [], id="a GPU of Intel's"),
        pytest.param(NO_CUDART + "2.8.0", {"gpu": "NVIDIA GeForce RTX 3060"}, ["cuda-missing"], id="a GPU of NVIDIA's"),
        pytest.param(NO_CUDART + NO_DRIVER, {}, [], id="the machine itself says that it has no driver"),
        pytest.param(NO_CUDART + "Num GPUs Available: 0", {}, ["cuda-missing"], id="and a question about the GPU"),
        pytest.param(NO_CUDART + "why is my GPU not used?", {}, ["cuda-missing"], id="and a sentence about the GPU"),
        pytest.param(
            NO_CUDART
            + "Could not load dynamic library 'libcublas.so.11'; dlerror\nSkipping registering GPU devices...",
            {},
            ["cuda-missing"],
            id="a GPU was seen",
        ),
    ],
)
def test_the_same_lines_where_a_gpu_is_meant(text: str, system: dict[str, str], first: list[str]) -> None:
    assert errors(checked(text, "linux-64", {"tensorflow": "2.8.0"}, system=system))[:1] == first


def test_a_channel_that_somebody_typed_is_no_proof() -> None:
    """What is installed exists; only whoever typed the report may be wrong about where it is from."""
    packages = [{"name": "tensorflow", "version": "2.13.0", "manager": "conda", "channel": "defaults"}]
    report = {"platform": "win-64", "packages": packages, "error_text": ""}
    assert diagnose(environment_of(report, "test"), load_matrix()).ok


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param("2.4.0", [], id="the program is for TensorFlow 1"),
        pytest.param("1.12.0", ["duplicate-tf-distributions"], id="TensorFlow 1 has it"),
    ],
)
def test_what_only_facts_make_a_fault(version: str, expected: list[str]) -> None:
    text = "AttributeError: module 'tensorflow' has no attribute 'placeholder'"
    assert errors(checked(text, "linux-64", {"tensorflow": version})) == expected


@pytest.mark.parametrize(
    ("driver", "expected"),
    [pytest.param("361.93", ["driver-too-old"], id="too old"), pytest.param("384.90", [], id="new enough")],
)
def test_a_driver_is_held_to_the_cuda_of_the_machine_where_no_version_is_known(
    driver: str, expected: list[str]
) -> None:
    system = {"cuda_driver": driver, "cuda_installed": ["8.0"]}
    assert errors(checked("", "linux-64", {"tensorflow-gpu": ""}, system=system)) == expected


@pytest.mark.parametrize(
    "system",
    [{"os": "macOS 12.3 (MacBook Pro M1)"}, {"cpu_model": "Apple M2 Pro"}, {"machine": "arm64"}],
    ids=["as people write it", "processor", "machine"],
)
def test_apple_silicon_by_any_fact(system: dict[str, str]) -> None:
    assert errors(checked("", "osx-64", {"tensorflow": "2.9.0"}, system=system)) == ["macos-arm-x86"]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param("Common KVM processor", ["cpu-no-avx"], id="the default of a virtual machine"),
        pytest.param("QEMU Virtual CPU version 2.5+", ["cpu-no-avx"], id="another emulator's default"),
        pytest.param("Intel(R) Celeron(R) N4020", ["cpu-no-avx"], id="a small processor of 2019"),
        pytest.param("Intel(R) Core(TM) i7-4770", [], id="Haswell"),
        pytest.param("AMD Ryzen 5 3600", [], id="Ryzen"),
    ],
)
def test_a_processor_by_its_name(model: str, expected: list[str]) -> None:
    assert errors(checked("", "linux-64", {"tensorflow": "2.9.0"}, system={"cpu_model": model})) == expected


@pytest.mark.parametrize(("release", "expected"), [("2.3.4", []), ("2.4.0", ["cpu-no-avx"]), ("2.4.1", [])])
def test_one_release_asks_for_more_than_those_beside_it(release: str, expected: list[str]) -> None:
    # 2.4.1's notes: it takes away the requirement of AVX2 that 2.4.0 had.
    system = {"cpu_features": {"avx": True, "avx2": False}}
    assert errors(checked("", "linux-64", {"tensorflow": release}, system=system)) == expected


def test_what_broke_is_not_said_to_be_known_for_nothing() -> None:
    text = "AttributeError: 'MessageFactory' object has no attribute 'GetPrototype'"
    packages = {"python": "3.11.7", "tensorflow": "2.16.2", "protobuf": "6.31.1"}
    [finding] = [f for f in checked(text, "linux-64", packages).findings if f.code == "TFD604"]
    assert finding.severity == "error"
    assert "nothing is known to break" not in finding.message and "by the error text" in finding.message


def test_condas_runtime_is_meant_before_the_systems() -> None:
    packages = [
        {"name": "vc14-runtime", "version": "14.16.27012", "manager": "conda"},
        {"name": "tensorflow", "version": "2.19.0", "manager": "pip"},
    ]
    report = {"platform": "win-64", "packages": packages, "system": {"vc_runtime": "14.44.35211"}}
    context = Context(environment_of(report, "test"), load_matrix())
    text = INIT.partition(": A dynamic")[0] + ": The specified module could not be found."
    best = rank(text, context).causes[0]
    assert (best.code, best.likelihood) == ("TFD402", "certain")


def test_what_pip_declares_of_a_package_that_is_not_known_to_break_is_a_warning() -> None:
    line = "tensorflow 2.13.0 requires typing-extensions<4.6.0,>=3.6.6, but you have typing-extensions 4.11.0 which is "
    found = checked(f"{line}incompatible.", "linux-64", {"tensorflow": "2.13.0", "typing-extensions": "4.11.0"})
    first = found.findings[0]
    assert (errors(found), first.code, first.severity) == ([], "TFD611", "warning")
    assert first.message.endswith("but nothing is known to break.")
    assert first.fix.pip == ("typing-extensions<4.6.0,>=3.6.6",)
    assert "nothing has to be done" in first.fix.note


def test_a_text_about_one_package_is_no_word_about_another_of_the_same_code() -> None:
    packages = {"tensorflow": "2.19.0", "tensorflow-directml-plugin": "0.4.0.dev230202", "tensorflow-io": "0.31.0"}
    text = r"NotFoundError: C:\x\site-packages\tensorflow-plugins\tfdml_plugin.dll not found"
    of = {f.package: f.severity for f in checked(text, "win-64", packages).findings if f.code == "TFD607" and f.package}
    assert of["tensorflow-io"] == "warning"
    first = checked(text, "win-64", packages).findings[0]
    assert (first.code, first.severity, [*first.fix.pip]) == ("TFD607", "error", ["tensorflow==2.10.0"])


def test_a_text_that_names_the_package_is_joined_with_what_is_known_of_it() -> None:
    packages = {"tensorflow": "2.14.0", "tensorflow-io": "0.34.0"}
    text = "NotImplementedError: unable to open file: libtensorflow_io.so, from paths: ['/x/tensorflow_io/a.so']"
    found = [f for f in checked(text, "linux-64", packages).findings if f.code == "TFD607"]
    assert [(f.package, f.severity) for f in found] == [("tensorflow-io", "error")]
