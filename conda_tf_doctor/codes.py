"""One row for each code: what is known of it, and where its rule lives.

The rows stand in the order in which a broken environment fails: a Python that cannot load the build at all hides
everything behind it, a package that stops the import hides the GPU, and so on. Of two findings that are otherwise
equal the one whose row comes first is the root cause. Whoever needs a set of codes asks the rows for it.
"""

from __future__ import annotations

from ._typing import NamedTuple

# Families: the folders of `rules/`, and what the doctor says of itself.
MACHINE, PATHS, BINARIES, PACKAGES, CUDA, ITSELF = "machine", "paths", "binaries", "packages", "cuda", "itself"
# What can repair a finding: other packages, the files of those that are there, one distribution or one manager in the
# place of several, or nothing that lies in an environment.
BY_PACKAGES, BY_FILES, BY_NOTHING = "packages", "files", "nothing"
BY_ONE_DISTRIBUTION, BY_ONE_MANAGER = "one distribution", "one manager"
# What a warning says does not work now: nothing before the next change of a package, a part of TensorFlow that was
# seen to fail (tf.keras, .h5 files, a plugin), or whatever reads a file that was lost.
NEXT_CHANGE, A_PART, A_FILE = "next change", "a part", "a file"


class Judge(NamedTuple):
    """A function that judges an environment: from a ``Context`` to findings, without a word printed.

    Attributes:
        module: Module below ``conda_tf_doctor.rules``.
        function: Name of the function.
        when: What an environment has to have for it (see ``Context.has``); its module is not even imported otherwise.
    """

    module: str
    function: str
    when: str = ""


class Rule(NamedTuple):
    """What is known of a code.

    Attributes:
        code: The stable code; never used again for something else.
        name: The stable name.
        family: Where it belongs.
        judges: The functions that may return it.
        asks: The function that asks for the facts which it lacks, where a report does not have them.
        repair: What can repair it.
        hides: Codes that come to light once it is repaired: that is progress, not damage.
        brings: Codes that come of it and go with it: they are told below it, not as causes of their own.
        first: Whether it stops everything before a message could be about anything else.
        stops: Whether a warning of it is enough to refuse a transaction, where the user wants to be stopped. CUDA and
            cuDNN are to stay what TensorFlow was built for, for nobody tested another version that may load; beside
            another numpy, protobuf, keras or h5py it may import, and yet tf.keras or saving a model fail.
        around: Whether it is also told of what lies around an environment, which no transaction changes.
        broken: What a warning of it says does not work now; empty where nothing is broken.
        package: The package beside TensorFlow that it stands for; empty where it is no single one.
        library: Whose range a build's row has (its field): ``cuda`` or ``cudnn``; empty where it is about neither.
        advice: What makes its advice (module and function below ``conda_tf_doctor.advice``); empty where nothing does.
        kin: How names of packages begin, any of which may be the one to change where it names one of them.
        mixed: Whether two distributions that write over each other's files bring it about.
        elsewhere: Whether it says that what ran was not this environment's own.
    """

    code: str
    name: str
    family: str
    judges: tuple[Judge, ...]
    repair: str = BY_PACKAGES
    hides: tuple[str, ...] = ()
    brings: tuple[str, ...] = ()
    first: bool = False
    stops: bool = False
    around: bool = False
    broken: str = ""
    package: str = ""
    library: str = ""
    advice: str = ""
    asks: Judge | None = None
    kin: tuple[str, ...] = ()
    mixed: bool = False
    elsewhere: bool = False


# What is judged where there is no TensorFlow: what was asked for.
REQUESTED = "requested"
_PLATFORM = Judge("machine.platform", "platform_unsupported")
_BINARIES = Judge("binaries.closure", "binaries", "binaries")
_SOURCES = Judge("binaries.sources", "python_files")
_METADATA = Judge("binaries.sources", "metadata")
_VC = Judge("binaries.vc_runtime", "vc_runtime", "windows")
_PACKAGES = Judge("packages.packages", "packages")
_RUNTIME = Judge("cuda.runtime", "cuda_runtime", "cuda")
_CUDNN = Judge("cuda.cudnn", "cudnn", "cuda")
_SURROUNDINGS = Judge("paths.surroundings", "surroundings")
_PYTHON_PATH = Judge("paths.python_path", "python_path", "other modules")

_ASKS_BITS = Judge("machine.platform", "open_bits", "windows")
_ASKS_CPU = Judge("machine.platform", "open_cpu")
_ASKS_LIBRARIES = Judge("machine.linux", "open_libraries")
_ASKS_PYTHON = Judge("machine.python", "open_python")
_ASKS_REQUEST = Judge("machine.python", "open_request")
_ASKS_VC = Judge("binaries.vc_runtime", "open_vc_runtime", "windows")
_ASKS_BINARIES = Judge("binaries.of_report", "open_binaries")
_ASKS_PATHS = Judge("paths.surroundings", "open_paths")
_ASKS_MODULES = Judge("paths.python_path", "open_modules")
_ASKS_PACKAGES = Judge("packages.open", "open_packages")
_ASKS_CUDA = Judge("cuda.runtime", "open_cuda")
_ASKS_CUDNN = Judge("cuda.cudnn", "open_cudnn")
_ASKS_DRIVER = Judge("cuda.driver", "open_driver")
_ASKS_COMPILER = Judge("cuda.extras", "open_compiler")

_LIBRARIES = ("libgcc", "libstdcxx", "sysroot", "glibc")
_RUNTIMES = ("vc", "vs20", "ucrt", "msvc")
_TOOLKIT = ("cuda", "cudnn", "libcu", "nvidia", "nccl", "libzlib", "zlib")

# fmt: off
_ROWS = (
    # Until it has come to its end, or was taken back, all else may be of its making.
    Rule("TFD904", "repair-interrupted", ITSELF, (), BY_NOTHING),
    Rule("TFD101", "python-32bit", MACHINE, (Judge("machine.platform", "python_32bit"),), BY_NOTHING,
         first=True, brings=("TFD102", "TFD103", "TFD201"), advice="machine.wide_python", asks=_ASKS_BITS),
    Rule("TFD105", "macos-arm-x86", MACHINE, (_PLATFORM,), BY_NOTHING, first=True,
         brings=("TFD102", "TFD104"), advice="machine.one_machine"),
    Rule("TFD103", "platform-unsupported", MACHINE,
         (_PLATFORM, Judge("machine.listed", "not_to_be_had", "listed"),
          Judge("machine.listed", "asked_in_vain", REQUESTED)),
         first=True, brings=("TFD305",), advice="machine.platform", asks=_ASKS_REQUEST),
    Rule("TFD201", "python-unsupported", MACHINE, (Judge("machine.python", "python_unsupported"),),
         first=True, advice="machine.python", asks=_ASKS_PYTHON),
    Rule("TFD102", "arch-mismatch", BINARIES, (_BINARIES,), BY_FILES,
         first=True, advice="machine.one_machine", asks=_ASKS_CPU),
    Rule("TFD106", "glibc-too-old", MACHINE, (Judge("machine.linux", "glibc_too_old"), _BINARIES),
         advice="system.glibc", asks=_ASKS_LIBRARIES, kin=_LIBRARIES),
    Rule("TFD104", "cpu-no-avx", MACHINE, (Judge("machine.platform", "cpu_no_avx"),), BY_NOTHING,
         advice="system.no_avx", asks=_ASKS_CPU),
    Rule("TFD602", "duplicate-tf-distributions", PACKAGES, (Judge("packages.ownership", "duplicate_distributions"),),
         BY_ONE_DISTRIBUTION, broken=NEXT_CHANGE,
         brings=("TFD501", "TFD503", "TFD505"), advice="packages.one_distribution"),
    Rule("TFD601", "pip-conda-mix", PACKAGES, (Judge("packages.ownership", "pip_conda_mix"),), BY_ONE_MANAGER,
         broken=NEXT_CHANGE, brings=("TFD501", "TFD503", "TFD505"), advice="packages.one_owner"),
    Rule("TFD704", "local-module-shadowing", PATHS, (_PYTHON_PATH,), BY_NOTHING,
         advice="paths.local_module", asks=_ASKS_MODULES),
    Rule("TFD703", "user-site-shadowing", PATHS, (_PYTHON_PATH,), BY_NOTHING,
         advice="paths.user_site", asks=_ASKS_MODULES, elsewhere=True),
    Rule("TFD401", "vc-runtime-missing", BINARIES, (_VC, _BINARIES),
         hides=("TFD402",), brings=("TFD402",), advice="libraries.vc_runtime", asks=_ASKS_VC,
         kin=_RUNTIMES),
    Rule("TFD402", "vc-runtime-old", BINARIES, (_VC, _BINARIES), advice="libraries.vc_runtime", asks=_ASKS_VC,
         kin=_RUNTIMES),
    Rule("TFD502", "dll-corrupt", BINARIES, (_BINARIES,), BY_FILES,
         broken=A_FILE, brings=("TFD501", "TFD503", "TFD505"), advice="libraries.again", asks=_ASKS_BINARIES,
         mixed=True),
    Rule("TFD501", "dll-missing", BINARIES, (_BINARIES, _SOURCES, _METADATA), BY_FILES,
         broken=A_FILE, advice="libraries.missing", asks=_ASKS_BINARIES, mixed=True),
    Rule("TFD505", "dll-symbol-missing", BINARIES, (_BINARIES,), BY_FILES, advice="libraries.symbol", mixed=True),
    Rule("TFD504", "dll-shadowed", BINARIES, (_BINARIES,), BY_FILES, advice="paths.other_copy"),
    Rule("TFD503", "dll-modified", BINARIES, (_BINARIES, _SOURCES), BY_FILES,
         broken=A_FILE, advice="libraries.again", mixed=True),
    Rule("TFD610", "libstdcxx-too-old", MACHINE, (Judge("machine.linux", "libstdcxx_too_old"), _BINARIES),
         advice="libraries.libstdcxx", asks=_ASKS_LIBRARIES, kin=_LIBRARIES),
    Rule("TFD603", "numpy-abi", PACKAGES, (_PACKAGES,),
         stops=True, package="numpy", advice="numpys.numpy", asks=_ASKS_PACKAGES),
    Rule("TFD604", "protobuf-mismatch", PACKAGES, (_PACKAGES,),
         stops=True, package="protobuf", advice="formats.protobuf", asks=_ASKS_PACKAGES),
    Rule("TFD611", "dependency-mismatch", PACKAGES, (_PACKAGES, Judge("packages.asked", "asked_for_nothing", "listed")),
         advice="dependencies.dependency"),
    Rule("TFD605", "keras-mismatch", PACKAGES, (_PACKAGES,),
         stops=True, broken=A_PART, package="keras", advice="keras.keras", asks=_ASKS_PACKAGES),
    Rule("TFD606", "h5py-mismatch", PACKAGES, (_PACKAGES,),
         stops=True, broken=A_PART, package="h5py", advice="formats.h5py", asks=_ASKS_PACKAGES),
    Rule("TFD609", "tf-metal-mismatch", PACKAGES, (_PACKAGES,),
         broken=A_PART, package="tensorflow-metal", advice="packages.metal"),
    Rule("TFD607", "plugin-package-mismatch", PACKAGES, (_PACKAGES,),
         broken=A_PART, advice="add_ons.add_on", asks=_ASKS_PACKAGES),
    Rule("TFD305", "gpu-unsupported-on-windows", CUDA, (Judge("cuda.runtime", "gpu_unsupported_on_windows", "cuda"),),
         advice="gpu.native_windows", kin=_TOOLKIT),
    Rule("TFD306", "driver-too-old", CUDA, (Judge("cuda.driver", "driver_too_old", "gpu"),), BY_NOTHING,
         advice="driver.driver", asks=_ASKS_DRIVER, kin=_TOOLKIT),
    Rule("TFD302", "cuda-missing", CUDA, (_RUNTIME,),
         hides=("TFD301", "TFD303", "TFD304", "TFD306", "TFD307", "TFD308"), library="cuda",
         brings=("TFD303", "TFD304", "TFD307", "TFD308"), advice="gpu.cuda",
         asks=_ASKS_CUDA, kin=_TOOLKIT),
    Rule("TFD301", "cuda-mismatch", CUDA, (_RUNTIME, Judge("cuda.extras", "gpu_newer_than_cuda", "gpu model")),
         stops=True, around=True, library="cuda", brings=("TFD303",), advice="gpu.cuda", asks=_ASKS_CUDA, kin=_TOOLKIT),
    Rule("TFD309", "cuda-incomplete", CUDA, (Judge("cuda.extras", "cuda_incomplete", "gpu"),), kin=_TOOLKIT),
    Rule("TFD304", "cudnn-missing", CUDA, (_CUDNN,),
         hides=("TFD303", "TFD307"), library="cudnn",
         brings=("TFD303", "TFD307"), advice="gpu.cudnn", asks=_ASKS_CUDNN, kin=_TOOLKIT),
    Rule("TFD303", "cudnn-mismatch", CUDA, (_CUDNN,),
         stops=True, around=True, library="cudnn", advice="gpu.cudnn", asks=_ASKS_CUDNN, kin=_TOOLKIT),
    Rule("TFD307", "zlibwapi-missing", CUDA, (Judge("cuda.extras", "zlibwapi_missing", "windows"),),
         advice="gpu.zlibwapi", kin=_TOOLKIT),
    Rule("TFD308", "ptxas-libdevice-missing", CUDA, (Judge("cuda.extras", "ptxas_libdevice_missing", "gpu"),),
         advice="gpu.compiler", asks=_ASKS_COMPILER, kin=_TOOLKIT),
    Rule("TFD702", "path-conflict", PATHS, (_SURROUNDINGS,), BY_NOTHING, advice="paths.search_path", asks=_ASKS_PATHS),
    Rule("TFD701", "env-not-activated", PATHS, (_SURROUNDINGS,), BY_NOTHING,
         advice="paths.activate", asks=_ASKS_PATHS, elsewhere=True),
    Rule("TFD608", "channel-mix", PACKAGES, (Judge("packages.ownership", "channel_mix"),),
         advice="packages.one_channel"),
    # Not about TensorFlow: what could not be read while checking, a rule that failed, a failure that no rule explains.
    Rule("TFD901", "unreadable-input", ITSELF, ()),
    Rule("TFD902", "rule-failed", ITSELF, ()),
    Rule("TFD903", "unexplained-error", ITSELF, (), BY_NOTHING),
)
# fmt: on

ROWS: dict[str, Rule] = {rule.code: rule for rule in _ROWS}
# Names by code, as lists of rules show them.
RULES: dict[str, str] = {code: ROWS[code].name for code in sorted(ROWS)}
_PLACES = {code: place for place, code in enumerate(ROWS)}
_CODES = {name: code for code, name in RULES.items()}


# Every function that judges, and every one that asks, each once, with the codes that it is named for.
JUDGES: dict[Judge, tuple[str, ...]] = {}
ASKERS: dict[Judge, tuple[str, ...]] = {}
for _rule in _ROWS:
    for _judge in _rule.judges:
        JUDGES[_judge] = (*JUDGES.get(_judge, ()), _rule.code)
    if _rule.asks is not None:
        ASKERS[_rule.asks] = (*ASKERS.get(_rule.asks, ()), _rule.code)


def place(code: str) -> int:
    """Return the place of a code in the order of failing; what is not in the table comes last."""
    return _PLACES.get(code, len(_PLACES))


def codes_where(**asked: object) -> frozenset[str]:
    """Return the codes whose rows have these values (``family=CUDA``, ``stops=True``)."""
    return frozenset(rule.code for rule in _ROWS if all(getattr(rule, name) == value for name, value in asked.items()))


# The code of each package that has one of its own.
CODE_OF_PACKAGE = {rule.package: rule.code for rule in _ROWS if rule.package}


def code_of_package(name: str) -> str:
    """Return the code of a package's version: its own, that of what is made for TensorFlow, or that of all others."""
    return CODE_OF_PACKAGE.get(name, "TFD607" if name.startswith("tensor") else "TFD611")


def code_of(word: str) -> str | None:
    """Return the code for a code or a name in any case, or ``None`` where there is no such rule."""
    upper = word.strip().upper()
    if upper in RULES:
        return upper
    return _CODES.get(word.strip().lower().replace("_", "-"))


def codes_of(word: str) -> frozenset[str]:
    """Return the codes that a code, a name, or the beginning of codes (``TFD6``) stands for; none where there is none.

    What is not about TensorFlow (``TFD9``) is named whole or not at all: a family cannot silence it.
    """
    code = code_of(word)
    if code is not None:
        return frozenset((code,))
    beginning = word.strip().upper()
    if not beginning.startswith("TFD"):
        return frozenset()
    return frozenset(code for code in RULES if code.startswith(beginning)) - codes_where(family=ITSELF)
