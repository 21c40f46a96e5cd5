"""What a report leaves open: rules that could not decide because a fact is missing, and how to get it.

A report is often a few lines that somebody typed. Each open question becomes an ``info`` of the rule that it belongs
to, so that whoever answers the asker knows what to ask next; a prefix on disk leaves nothing of this open.
"""

from __future__ import annotations

from collections.abc import Iterator

from .. import versions
from ..context.context import Context
from ..environment.facts import CONDA
from ..environment.gpu import has_nvidia
from ..findings import INFO, POSSIBLE, Finding
from ..rules.cuda.cudnn import is_partial, system_cudnn
from ..rules.cuda.runtime import system_cuda
from ..rules.packages.packages import COMPILED

# Packages whose version decides a rule, and the field of the matrix row with the range.
_PACKAGES = (("TFD603", "numpy"), ("TFD604", "protobuf"), ("TFD605", "keras"), ("TFD606", "h5py"))
# Compiled against, or tied to, one minor of TensorFlow.
_ADD_ONS = frozenset(
    {
        "tensorflow-text", "tensorflow-addons", "tensorflow-io", "tensorflow-probability", "tensorflow-estimator",
        "tensorflow-hub", "tf-keras", "keras-nlp", "keras-hub", "keras-cv", "tf-models-official", "tf-agents",
        *COMPILED,
    }
)  # fmt: skip


def _open(code: str, message: str, expected: str, need: str, source: str, package: str = "") -> Finding:
    return Finding(
        code, INFO, message, found="unknown", expected=expected, source=source, package=package,
        confidence=POSSIBLE, needs=(need,),
    )  # fmt: skip


def undecided(context: Context) -> Iterator[Finding]:
    """Name the facts that a report does not hold and a rule would need."""
    tensorflow = context.tensorflow
    if tensorflow is None or context.env.kind != "report":
        return
    yield from _of_python(context)
    yield from _of_system(context)
    yield from _of_surroundings(context)
    yield from _of_gpu(context)
    yield from _of_packages(context)


def _name(context: Context) -> str:
    tensorflow = context.tensorflow
    return f"{tensorflow.name} {tensorflow.version}".strip() if tensorflow else "TensorFlow"


def _of_python(context: Context) -> Iterator[Finding]:
    env, build = context.env, context.build
    source = build.id if build else ""
    if not env.python.version and not env.package("python"):
        minors = sorted({m for row in context.builds if row.platform == env.platform for m in row.python})
        yield _open(
            "TFD201", f"The report does not say which Python runs {_name(context)}.",
            ", ".join(minors), "Python's version: `python -V`", source, "python",
        )  # fmt: skip
    if env.os == "win" and not env.python.bits and not env.system.machine:
        yield _open(
            "TFD101", "The report does not say whether Python is a 64-bit one.", "64-bit",
            'Python\'s bitness: `python -c "import struct; print(struct.calcsize(\'P\') * 8)"`', "", "python",
        )  # fmt: skip


def _of_system(context: Context) -> Iterator[Finding]:
    env, build = context.env, context.build
    binary = context.binary_build
    if env.os == "win" and not env.system.vc_runtime and not _has(context, "vc14-runtime", "vs2015-runtime"):
        floor = binary.vc_runtime if binary and binary.vc_runtime else ">=14.0"
        need = "the version of msvcp140.dll in System32 (file properties, or `conda tf-doctor report`)"
        for code in ("TFD402", "TFD401"):
            yield _open(
                code, f"The report does not say which Visual C++ runtime {_name(context)} would load.",
                f"Visual C++ runtime {floor}", need, binary.id if binary else "", "vc14-runtime",
            )  # fmt: skip
    x86 = "arm" not in env.platform and "aarch" not in env.platform
    perhaps = build is None and x86 and context.channel == "pypi" and not _is_before(context, "1.6")
    needs_avx = perhaps or bool(build and build.avx)
    if needs_avx and "avx" not in env.system.cpu_features and not env.system.cpu_model:
        yield _open(
            "TFD104", f"{_name(context)} needs AVX, and the report does not say which CPU it runs on.",
            "a CPU with AVX", "the CPU's model", build.id if build else "", "tensorflow",
        )  # fmt: skip
    if env.platform == "win-64" and env.system.machine.lower() in ("arm64", "aarch64"):
        yield _open(
            "TFD102", f"This is Windows on ARM, for which {_name(context)} has no build: the x86-64 one is translated.",
            "x86-64", "whether this Windows translates AVX (Windows 11 does since late 2025)", "", "tensorflow",
        )  # fmt: skip
    glibc = env.virtual_packages.get("__glibc", "")
    if env.os == "linux" and not glibc and (not env.system.os or build is None):
        yield _open(
            "TFD106", "The report does not say which glibc the system has.", "",
            "glibc's version: `ldd --version`", build.id if build else "", "tensorflow",
        )  # fmt: skip
    if env.os == "linux" and glibc and not context.builds:
        yield _open(
            "TFD106", f"The system has glibc {glibc}, but TensorFlow's version is not known.", "",
            "TensorFlow's version", "", "tensorflow",
        )  # fmt: skip
    if env.os == "linux" and context.channel == "pypi" and not _has(context, "libstdcxx", "libstdcxx-ng"):
        yield _open(
            "TFD610", "The report does not say which libstdc++ the process loads.", "",
            "`ldd` of the environment's python, and LD_LIBRARY_PATH", build.id if build else "", "libstdcxx-ng",
        )  # fmt: skip


def _is_before(context: Context, version: str) -> bool:
    """Tell whether TensorFlow's version is known and before another one."""
    known = context.tensorflow.version if context.tensorflow else ""
    return bool(known) and versions.key(known) < versions.key(version)


def _of_surroundings(context: Context) -> Iterator[Finding]:
    """What the process finds before, or instead of, the environment's own files."""
    env = context.env
    where = {"win": "PATH", "linux": "LD_LIBRARY_PATH", "osx": "DYLD_LIBRARY_PATH"}.get(env.os, "PATH")
    name = _name(context)
    if not env.env_vars:
        need = f"the value of {where} in the process that fails"
        yield _open("TFD702", f"The report does not say where {name} looks for libraries.", "", need, "", "cudatoolkit")
        yield _open(
            "TFD701",
            "The report does not say whether the environment was activated.",
            "",
            f"{need}, and CONDA_PREFIX",
            "",
        )
    if not env.working_folder:
        yield _open(
            "TFD704", "The report does not say which files lie beside the script.", "",
            "the names of files in the working folder", "", "tensorflow",
        )  # fmt: skip
    if not env.user_site and not env.env_vars:
        yield _open(
            "TFD703",
            "The report does not say what the user site holds.",
            "",
            "`python -m pip list --user`",
            "",
            "tensorflow",
        )
    if not env.binaries:
        need = "`conda tf-doctor dlls` in the environment"
        for code in ("TFD501", "TFD502"):
            yield _open(code, f"The report does not hold the binaries of {name}.", "", need, "", "tensorflow")


def _has(context: Context, *names: str) -> bool:
    return any(context.env.conda(name) for name in names)


def _of_gpu(context: Context) -> Iterator[Finding]:
    env, build = context.env, context.build
    cuda, cudnn = system_cuda(context), system_cudnn(context)
    nvidia = has_nvidia(env)
    perhaps = bool(context.tensorflow and not context.tensorflow.version and nvidia is not False)
    wanted = bool(context.gpu_wanted or cuda or nvidia or perhaps)
    if env.os == "osx" or (build is not None and build.variant != "gpu") or (build is None and not wanted):
        return
    source = build.id if build else ""
    if build is None and (context.cuda or cuda):
        yield _open(
            "TFD301", f"The version of {_name(context)} is not known, and so neither is the CUDA it was built for.",
            "", "TensorFlow's version: `pip show tensorflow`", "", "cudatoolkit",
        )  # fmt: skip
    if context.cuda or cuda:
        where = "PATH" if env.os == "win" else "LD_LIBRARY_PATH"
        if where not in env.env_vars and context.channel == "pypi":
            which = context.cuda[0].label if context.cuda else f"CUDA {', '.join(cuda)}"
            yield _open(
                "TFD302", f"{which} is there; the report does not say whether {where} leads pip's TensorFlow to it.",
                f"its library folder on {where}", f"the value of {where}", source, "cudatoolkit",
            )  # fmt: skip
    else:
        for code in ("TFD301", "TFD302"):
            yield _open(
                code, f"The report does not say which CUDA {_name(context)} finds.",
                f"CUDA {build.cuda}" if build else "", "the version of CUDA", source, "cudatoolkit",
            )  # fmt: skip
    if (not context.cudnn and not cudnn) or build is None:
        for code in ("TFD304", "TFD303"):
            yield _open(
                code, f"The report does not say which cuDNN {_name(context)} finds.",
                f"cuDNN {build.cudnn}" if build else "", "cuDNN's version", source, "cudnn",
            )  # fmt: skip
    on_gpu = env.os == "linux" or _is_before(context, "2.11")  # the last for native Windows
    if on_gpu and not any("nvcc" in package.name for package in env.packages):
        yield _open(
            "TFD308", f"The report does not say whether {_name(context)} finds ptxas and libdevice, which XLA needs.",
            "nvvm/libdevice and bin/ptxas", "the value of XLA_FLAGS, and whether a CUDA toolkit is installed",
            source, "cuda-nvcc",
        )  # fmt: skip
    if wanted and not env.system.cuda_driver and "__cuda" not in env.virtual_packages:
        yield _driver(context, build.driver if build else "")
    elif _is_conda(context) and not context.cuda:
        have = env.system.cuda_driver or env.virtual_packages.get("__cuda", "")
        if have:
            yield _open(
                "TFD306", f"The report names the driver ({have}), but not the CUDA runtime that conda put beside it.",
                "", "cudatoolkit's (or cuda-version's) version: `conda list cuda`", source, "nvidia-driver",
            )  # fmt: skip


def _is_conda(context: Context) -> bool:
    """Tell whether TensorFlow is conda's, which brings its CUDA along."""
    return bool(context.tensorflow and context.tensorflow.manager == CONDA)


def _driver(context: Context, floor: str) -> Finding:
    return _open(
        "TFD306", "If a GPU is to be used: the report does not name its display driver.",
        f"driver {floor}" if floor else "", "the driver's version: `nvidia-smi`",
        context.build.id if context.build else "", "nvidia-driver",
    )  # fmt: skip


def _of_packages(context: Context) -> Iterator[Finding]:
    env, build, tensorflow = context.env, context.build, context.tensorflow
    if tensorflow is None:
        return
    partial = is_partial(context) and tensorflow.manager != CONDA
    source = build.id if build else ""
    for code, name in _PACKAGES:
        package = env.package(name)
        spec = getattr(build, name, "") if build else ""
        if name == "h5py" and _is_before(context, "2.5"):
            # Not declared before 2.2, and needed all the same; h5py 3 breaks what 2.4 and older load.
            spec = spec or "<3"
        if package is not None and package.version and not tensorflow.version:
            yield _open(
                code, f"{name} {package.version} is there, but TensorFlow's version is not known.", "",
                "TensorFlow's version: `pip show tensorflow`", "", name,
            )  # fmt: skip
        elif (package is not None and not package.version) or (package is None and partial and (spec or not build)):
            yield _open(
                code, f"The report does not say which {name} is beside {_name(context)}.",
                f"{name} {spec}".strip(), f"{name}'s version: `pip list`", source, name,
            )  # fmt: skip
    for package in env.packages:
        code = "TFD609" if package.name == "tensorflow-metal" else "TFD607" if package.name in _ADD_ONS else ""
        if not code:
            continue
        if package.name in COMPILED and not package.depends and package.version and tensorflow.version:
            yield _open(
                code, f"{package.name} is compiled for one release of TensorFlow, which the report does not name.", "",
                f"what {package.name} {package.version} requires: `pip show {package.name}`", source, package.name,
            )  # fmt: skip
        elif not (package.version and tensorflow.version):
            yield _open(
                code, f"{package.name} has to fit TensorFlow, and the report does not name both versions.", "",
                f"the versions of {package.name} and TensorFlow: `pip list`", source, package.name,
            )  # fmt: skip
    if tensorflow.requested and (tensorflow.manager != CONDA or not tensorflow.version):
        for code in ("TFD201", "TFD103"):
            yield _open(
                code, f"{_name(context)} was asked for, and a build for this Python and platform seems to exist.", "",
                "which Python and platform pip itself runs with: `python -m pip debug --verbose`", source, "python",
            )  # fmt: skip
