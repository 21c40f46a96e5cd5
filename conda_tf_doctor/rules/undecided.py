"""What a report leaves open: rules that could not decide because a fact is missing, and how to get it.

A report is often a few lines that somebody typed. Each open question becomes an ``info`` of the rule that it belongs
to, so that whoever answers the asker knows what to ask next; a prefix on disk leaves nothing of this open.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..environment.facts import CONDA
from ..findings import INFO, POSSIBLE, Finding
from .context import Context
from .cuda import is_partial, system_cuda, system_cudnn

# Packages whose version decides a rule, and the field of the matrix row with the range.
_PACKAGES = (("TFD603", "numpy"), ("TFD604", "protobuf"), ("TFD605", "keras"), ("TFD606", "h5py"))
_COLLECT = "run `conda tf-doctor report` in the environment"


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
    yield from _of_gpu(context)
    yield from _of_packages(context)


def _name(context: Context) -> str:
    tensorflow = context.tensorflow
    return f"{tensorflow.name} {tensorflow.version}".strip() if tensorflow else "TensorFlow"


def _of_python(context: Context) -> Iterator[Finding]:
    env, build = context.env, context.build
    source = build.id if build else ""
    if not env.python.version:
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
    if build and build.avx and "avx" not in env.system.cpu_features and not env.system.cpu_model:
        yield _open(
            "TFD104", f"{_name(context)} needs AVX, and the report does not say which CPU it runs on.",
            "a CPU with AVX", "the CPU's model", build.id, "tensorflow",
        )  # fmt: skip
    if env.os == "linux" and context.channel == "pypi" and "__glibc" not in env.virtual_packages and not env.system.os:
        yield _open(
            "TFD106", "The report does not say which glibc the system has.", "",
            "glibc's version: `ldd --version`", build.id if build else "", "tensorflow",
        )  # fmt: skip
    if env.os == "linux" and context.channel == "pypi" and not _has(context, "libstdcxx", "libstdcxx-ng"):
        yield _open(
            "TFD610", "The report does not say which libstdc++ the process loads.", "",
            "`ldd` of the environment's python, and LD_LIBRARY_PATH", build.id if build else "", "libstdcxx-ng",
        )  # fmt: skip


def _has(context: Context, *names: str) -> bool:
    return any(context.env.conda(name) for name in names)


def _of_gpu(context: Context) -> Iterator[Finding]:
    env, build = context.env, context.build
    if build is None or build.variant != "gpu" or env.os == "osx":
        if context.gpu_wanted and not env.system.cuda_driver and "__cuda" not in env.virtual_packages:
            yield _driver(context, "")
        return
    cuda, cudnn = system_cuda(context), system_cudnn(context)
    if context.cuda or cuda:
        if not context.cuda:
            where = "PATH" if env.os == "win" else "LD_LIBRARY_PATH"
            if where not in env.env_vars:
                for code in ("TFD302", "TFD702"):
                    yield _open(
                        code, f"CUDA {', '.join(cuda)} is installed outside the environment; the report does not say "
                        f"whether {where} leads to it.",
                        f"its library folder on {where}", f"the value of {where}", build.id, "cudatoolkit",
                    )  # fmt: skip
        if not context.cudnn and not cudnn:
            for code in ("TFD304", "TFD303"):
                yield _open(
                    code, "The report does not say which cuDNN there is.", f"cuDNN {build.cudnn}",
                    "cuDNN's version", build.id, "cudnn",
                )  # fmt: skip
    elif context.gpu_wanted or not is_partial(context):
        for code in ("TFD301", "TFD303", "TFD302", "TFD304"):
            library = "cuDNN" if code in ("TFD303", "TFD304") else "CUDA"
            expected = build.cudnn if library == "cuDNN" else build.cuda
            yield _open(
                code, f"The report does not say which {library} {_name(context)} finds.", f"{library} {expected}",
                f"the version of {library}", build.id, library.lower(),
            )  # fmt: skip
    if context.gpu_wanted and not env.system.cuda_driver and "__cuda" not in env.virtual_packages:
        yield _driver(context, build.driver)


def _driver(context: Context, floor: str) -> Finding:
    return _open(
        "TFD306", "A GPU is wanted, and the report does not name the display driver.",
        f"driver {floor}" if floor else "", "the driver's version: `nvidia-smi`",
        context.build.id if context.build else "", "nvidia-driver",
    )  # fmt: skip


def _of_packages(context: Context) -> Iterator[Finding]:
    env, build, tensorflow = context.env, context.build, context.tensorflow
    if tensorflow is None or tensorflow.manager == CONDA or not is_partial(context):
        return
    for code, name in _PACKAGES:
        if name == "keras" and (not build or not build.keras):
            continue
        package = env.package(name)
        if package is None or not package.version:
            spec = getattr(build, name, "") if build else ""
            yield _open(
                code, f"The report does not say which {name} is beside {_name(context)}.",
                f"{name} {spec}".strip(), f"{name}'s version: `pip list`", build.id if build else "", name,
            )  # fmt: skip
