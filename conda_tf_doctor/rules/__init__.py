"""All rules, by family: a reader finds the rule for a code here.

A rule is a pure function from a :class:`~conda_tf_doctor.context.context.Context` to findings. Families are imported
when they run, and only those that this environment needs.
"""

from __future__ import annotations

from .._typing import NamedTuple


class Rule(NamedTuple):
    """Where a rule lives.

    Attributes:
        codes: The codes it may return.
        module: Module below ``conda_tf_doctor.rules``.
        function: Name of the function.
        when: What an environment has to have for it (see ``Context.has``); its module is not even imported otherwise.
    """

    codes: tuple[str, ...]
    module: str
    function: str
    when: str = ""


REGISTRY: tuple[Rule, ...] = (
    Rule(("TFD101",), "machine.platform", "python_32bit"),
    Rule(("TFD103", "TFD105"), "machine.platform", "platform_unsupported"),
    Rule(("TFD104",), "machine.platform", "cpu_no_avx"),
    Rule(("TFD106",), "machine.platform", "glibc_too_old"),
    Rule(("TFD201",), "machine.python", "python_unsupported"),
    Rule(("TFD301", "TFD302"), "cuda.runtime", "cuda_runtime", "cuda"),
    Rule(("TFD303", "TFD304"), "cuda.cudnn", "cudnn", "cuda"),
    Rule(("TFD305",), "cuda.runtime", "gpu_unsupported_on_windows", "cuda"),
    Rule(("TFD306",), "cuda.driver", "driver_too_old", "gpu"),
    Rule(("TFD301",), "cuda.extras", "gpu_newer_than_cuda", "gpu model"),
    Rule(("TFD307",), "cuda.extras", "zlibwapi_missing", "windows"),
    Rule(("TFD308",), "cuda.extras", "ptxas_libdevice_missing", "gpu"),
    Rule(("TFD401", "TFD402"), "binaries.vc_runtime", "vc_runtime", "windows"),
    Rule(
        ("TFD102", "TFD401", "TFD402", "TFD501", "TFD502", "TFD503", "TFD504", "TFD505"),
        "binaries.closure",
        "binaries",
        "binaries",
    ),
    Rule(("TFD601",), "packages.ownership", "pip_conda_mix"),
    Rule(("TFD602",), "packages.ownership", "duplicate_distributions"),
    Rule(("TFD501", "TFD503"), "binaries.sources", "python_files"),
    Rule(("TFD603", "TFD604", "TFD605", "TFD606", "TFD607", "TFD609", "TFD611"), "packages.packages", "packages"),
    Rule(("TFD608",), "packages.ownership", "channel_mix"),
    Rule(("TFD610",), "machine.platform", "libstdcxx_too_old"),
    Rule(("TFD701", "TFD702"), "paths.surroundings", "surroundings"),
    Rule(("TFD703", "TFD704"), "paths.python_path", "python_path", "other modules"),
)
