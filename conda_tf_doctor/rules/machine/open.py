"""What a report leaves open of Python and the machine."""

from __future__ import annotations

from collections.abc import Iterator

from ...context.context import Context
from ...findings import Finding, open_question


def open_python(context: Context) -> Iterator[Finding]:
    """Yield what is open of Python."""
    env, build = context.env, context.build
    source = build.id if build else ""
    if not env.python.version and not env.package("python"):
        minors = sorted({m for row in context.builds if row.platform == env.platform for m in row.python})
        yield open_question(
            "TFD201", f"The report does not say which Python runs {context.label}.",
            ", ".join(minors), "Python's version: `python -V`", source, "python",
        )  # fmt: skip
    if env.os == "win" and not env.python.bits and not env.system.machine:
        yield open_question(
            "TFD101", "The report does not say whether Python is a 64-bit one.", "64-bit",
            'Python\'s bitness: `python -c "import struct; print(struct.calcsize(\'P\') * 8)"`', "", "python",
        )  # fmt: skip


def open_system(context: Context) -> Iterator[Finding]:
    """Yield what is open of the machine and its system libraries."""
    env, build = context.env, context.build
    binary = context.binary_build
    if env.os == "win" and not env.system.vc_runtime and not context.has_record("vc14-runtime", "vs2015-runtime"):
        floor = binary.vc_runtime if binary and binary.vc_runtime else ">=14.0"
        need = "the version of msvcp140.dll in System32 (file properties, or `conda tf-doctor report`)"
        for code in ("TFD402", "TFD401"):
            yield open_question(
                code, f"The report does not say which Visual C++ runtime {context.label} would load.",
                f"Visual C++ runtime {floor}", need, binary.id if binary else "", "vc14-runtime",
            )  # fmt: skip
    x86 = "arm" not in env.platform and "aarch" not in env.platform
    perhaps = build is None and x86 and context.channel == "pypi" and not context.is_before("1.6")
    needs_avx = perhaps or bool(build and build.avx)
    if needs_avx and "avx" not in env.system.cpu_features and not env.system.cpu_model:
        yield open_question(
            "TFD104", f"{context.label} needs AVX, and the report does not say which CPU it runs on.",
            "a CPU with AVX", "the CPU's model", build.id if build else "", "tensorflow",
        )  # fmt: skip
    if env.platform == "win-64" and env.system.machine.lower() in ("arm64", "aarch64"):
        yield open_question(
            "TFD102", f"This is Windows on ARM, for which {context.label} has no build: the x86-64 one is translated.",
            "x86-64", "whether this Windows translates AVX (Windows 11 does since late 2025)", "", "tensorflow",
        )  # fmt: skip
    glibc = env.virtual_packages.get("__glibc", "")
    if env.os == "linux" and not glibc and (not env.system.os or build is None):
        yield open_question(
            "TFD106", "The report does not say which glibc the system has.", "",
            "glibc's version: `ldd --version`", build.id if build else "", "tensorflow",
        )  # fmt: skip
    if env.os == "linux" and glibc and not context.builds:
        yield open_question(
            "TFD106", f"The system has glibc {glibc}, but TensorFlow's version is not known.", "",
            "TensorFlow's version", "", "tensorflow",
        )  # fmt: skip
    if env.os == "linux" and context.channel == "pypi" and not context.has_record("libstdcxx", "libstdcxx-ng"):
        yield open_question(
            "TFD610", "The report does not say which libstdc++ the process loads.", "",
            "`ldd` of the environment's python, and LD_LIBRARY_PATH", build.id if build else "", "libstdcxx-ng",
        )  # fmt: skip
