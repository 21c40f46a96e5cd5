"""The machine this runs on: driver, glibc, CPU, the system's Visual C++ runtime, CUDA toolkits, user site.

Every reading is cheap (a file, a registry key, one library call) and may fail: what cannot be read is unknown.
``CONDA_OVERRIDE_*`` win over what is read, as in conda itself.
"""

from __future__ import annotations

import os
import sys

from .._light import re
from ..reading import load_json, read_condas
from ..versions import contains
from .distinfo import list_dist_infos
from .facts import PIP, STATE, Environment, Package, System
from .site import brought_by_python_path

_VARIABLES = (
    "PATH", "PYTHONPATH", "PYTHONNOUSERSITE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_PATH", "CUDA_HOME",
    "CUDA_VISIBLE_DEVICES", "CONDA_PREFIX", "CONDA_DLL_SEARCH_MODIFICATION_ENABLE", "XLA_FLAGS",
    "TF_USE_LEGACY_KERAS", "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION",
)  # fmt: skip
# What `import tensorflow` and tf.keras import (2.4.4 to 2.18.1, measured by sys.modules), and Python's start has not
# yet: a file of such a name in the working folder or on PYTHONPATH comes first.
_NAMES = """
tensorflow keras numpy google h5py tensorboard six absl wrapt gast flatbuffers astunparse certifi charset_normalizer
idna ml_dtypes namex opt_einsum optree packaging requests rich setuptools termcolor typing_extensions urllib3 argparse
ast asyncio base64 bdb bisect bz2 calendar cmd code codeop collections concurrent configparser contextlib contextvars
copy copyreg csv ctypes dataclasses datetime decimal difflib dis email enum fnmatch fractions functools getopt getpass
gettext glob gzip hashlib heapq hmac html http importlib inspect ipaddress json keyword linecache locale logging lzma
mimetypes multiprocessing numbers opcode operator pathlib pdb pickle pkgutil platform pprint pydoc queue quopri random
re reprlib secrets select selectors shlex shutil signal socket socketserver ssl string stringprep struct subprocess
sysconfig tarfile tempfile textwrap threading timeit token tokenize traceback types typing unicodedata unittest urllib
uuid warnings weakref xml zipfile
"""
MODULES = frozenset(_NAMES.split())


_DRIVER = "/proc/driver/nvidia/version"
_DRIVER_OF_WSL = "/usr/lib/wsl/lib/libcuda.so.1"


def add_machine(env: Environment) -> None:
    """Add the facts about this machine to an environment that runs on it."""
    env.this_machine = True
    env.env_vars = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    cpu = _cpuinfo() if sys.platform == "linux" else {}
    env.system = System(
        os=sys.platform,
        machine=_machine(),
        cpu_model=cpu.get("model name", ""),
        cpu_features=_cpu_features(cpu.get("flags", "")),
        cuda_driver=_driver(),
        cuda_installed=_cuda_installed(),
        vc_runtime=_vc_runtime(env.python.machine),
        vc_redistributable=_vc_redistributable(env.python.machine),
    )
    env.virtual_packages = virtual_packages(env.os, here=True)
    # Said to be another CPU, or to have another driver, than the one that is here.
    if _override("ARCHSPEC") is not None:
        env.system = env.system._replace(cpu_model="", cpu_features={})
    if _override("CUDA") is not None:
        env.system = env.system._replace(cuda_driver="")
    env.working_folder = _shadowing_files(env, ["", *_listed()])
    env.user_site = _user_site(env)
    env.path_packages = _path_packages()


def _machine() -> str:
    if sys.platform == "darwin" and _sysctl("hw.optional.arm64") == 1:
        return "arm64"  # uname says x86_64 under Rosetta
    if hasattr(os, "uname"):
        return os.uname().machine
    return os.environ.get("PROCESSOR_ARCHITEW6432") or os.environ.get("PROCESSOR_ARCHITECTURE", "")


def _sysctl(name: str) -> int | None:
    import ctypes

    try:
        value, size = ctypes.c_int64(0), ctypes.c_size_t(8)
        libc = ctypes.CDLL("libc.dylib")
        failed = libc.sysctlbyname(name.encode(), ctypes.byref(value), ctypes.byref(size), None, 0)
    except (OSError, AttributeError):
        return None
    return None if failed else value.value


def _cpuinfo() -> dict[str, str]:
    """Return what Linux tells of the first processor, by the names it has there; empty where it tells nothing."""
    try:
        # One processor's paragraph is enough, and a server has hundreds.
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as handle:
            paragraph = handle.read(8192).partition("\n\n")[0]
    except OSError:
        return {}
    fields = (line.partition(":") for line in paragraph.split("\n"))
    return {name.strip(): value.strip() for name, _, value in fields}


def _cpu_features(flags: str) -> dict[str, bool]:
    """Return which instructions the processor has.

    Args:
        flags: What Linux lists; empty elsewhere.
    """
    if sys.platform == "linux":
        known = set(flags.split())
        return {name: name in known for name in ("avx", "avx2", "fma", "avx512f")} if known else {}
    if sys.platform == "win32":
        import ctypes

        # winnt.h: PF_AVX_INSTRUCTIONS_AVAILABLE, PF_AVX2_…, PF_AVX512F_…; Windows before 10 2004 says no to all.
        present = ctypes.windll.kernel32.IsProcessorFeaturePresent
        found = {"avx": bool(present(39)), "avx2": bool(present(40)), "avx512f": bool(present(41))}
        return found if found["avx"] or sys.getwindowsversion().build >= 19041 else {}
    if sys.platform == "darwin":
        names = {"avx": "hw.optional.avx1_0", "avx2": "hw.optional.avx2_0", "fma": "hw.optional.fma"}
        found_on_mac = {name: _sysctl(key) for name, key in names.items()}
        return {name: bool(value) for name, value in found_on_mac.items() if value is not None}
    return {}


def _driver() -> str:
    if sys.platform == "linux":
        try:
            with open(_DRIVER, encoding="utf-8", errors="replace") as handle:
                matched = re.search(r"Kernel Module.{0,80}?\s(\d+\.\d+(?:\.\d+)?)\s", handle.read(512))
        except OSError:
            return ""
        return matched.group(1) if matched else ""
    if sys.platform == "win32":
        # nvcuda.dll of driver 456.71 has the file version 27.21.14.5671: the last five digits are the driver.
        parts = _file_version("nvcuda.dll")
        digits = ("".join(parts[:-1]) + parts[-1].zfill(4))[-5:] if parts else ""
        return f"{digits[:3]}.{digits[3:]}" if len(digits) == 5 else ""
    return ""


def system_folder(machine: str) -> str:
    """Return the folder that a process for a machine sees as Windows' System32; empty on other systems.

    A 64-bit process sees the 32-bit system as SysWOW64, a 32-bit one the 64-bit system as Sysnative.
    """
    if sys.platform != "win32":
        return ""
    wide = sys.maxsize > 2**32
    name = ("SysWOW64" if wide else "System32") if machine == "x86" else ("System32" if wide else "Sysnative")
    return os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), name)


def _file_version(name: str, machine: str = "") -> list[str]:
    """Return the parts of a system DLL's file version on Windows; empty where there is none."""
    folder = system_folder(machine)
    if not folder:
        return []
    from ..binaries.pe import file_version

    path = os.path.join(folder, name)
    try:
        return file_version(path).split(".") if os.path.exists(path) else []
    except (OSError, ValueError):
        return []


def _vc_runtime(machine: str) -> str:
    if sys.platform != "win32":
        return ""
    parts = _file_version("msvcp140.dll", machine)
    return ".".join(parts[:3]) if parts else "missing"


def _vc_redistributable(machine: str) -> str:
    """Return the version that Microsoft's installer of the Visual C++ runtime has left in the registry."""
    if sys.platform != "win32":
        return ""
    import winreg

    key = rf"SOFTWARE\Microsoft\VisualStudio\14.0\VC\Runtimes\{machine if machine in ('x86', 'arm64') else 'x64'}"
    # Its installer is a 32-bit program.
    access = winreg.KEY_READ | winreg.KEY_WOW64_32KEY
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key, 0, access) as opened:
            parts = [str(winreg.QueryValueEx(opened, part)[0]) for part in ("Installed", "Major", "Minor", "Bld")]
    except OSError:
        return ""
    return ".".join(parts[1:]) if parts[0] == "1" else ""


def _cuda_installed() -> tuple[str, ...]:
    found = set()
    if sys.platform == "linux":
        try:
            with os.scandir("/usr/local") as entries:
                for entry in entries:
                    version = entry.name.removeprefix("cuda-")
                    numbered = version != entry.name and version.replace(".", "", 1).isdigit() and "." in version
                    if numbered and os.path.exists(f"{entry.path}/lib64"):
                        found.add(version)
        except OSError:
            pass
    for name, value in os.environ.items():
        version = name.upper().removeprefix("CUDA_PATH_V").replace("_", ".")
        if name.upper().startswith("CUDA_PATH_V") and version.replace(".", "").isdigit() and os.path.isdir(value):
            found.add(version)
    return tuple(sorted(found))


def _glibc() -> str:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").rpartition(" ")[2]
    except (ValueError, OSError):
        return ""


def _macos() -> str:
    import platform

    return platform.mac_ver()[0]


def _windows() -> str:
    if sys.platform != "win32":
        return ""
    return ".".join(map(str, sys.getwindowsversion().platform_version))


def _read(variable: str) -> str:
    """Return what this machine has of the virtual package that ``CONDA_OVERRIDE_<variable>`` overrides."""
    if variable == "CUDA":
        return _driver_cuda()
    return {"GLIBC": _glibc, "OSX": _macos, "WIN": _windows}[variable]() if variable != "ARCHSPEC" else ""


# Of each virtual package that concerns TensorFlow the variable that overrides it and the system that has it.
_VIRTUAL = (
    ("__cuda", "CUDA", ""), ("__glibc", "GLIBC", "linux"), ("__osx", "OSX", "osx"), ("__win", "WIN", "win"),
    ("__archspec", "ARCHSPEC", ""),
)  # fmt: skip


def virtual_packages(system: str, here: bool) -> dict[str, str]:
    """Return the virtual packages that conda would show, as far as they concern TensorFlow.

    ``__cuda`` is what the driver can do at most (``cuDriverGetVersion``), not what is installed; ``__archspec`` is only
    what an override says.

    Args:
        system: ``linux``, ``osx`` or ``win``: the one that the environment is for.
        here: Whether that is this machine; of another one only what the overrides say is known.
    """
    found: dict[str, str] = {}
    for package, variable, of in _VIRTUAL:
        if of in ("", system):
            value = _override(variable)
            if value is None and here:
                value = _read(variable)
            if value:
                found[package] = value
    return found


def _override(name: str) -> str | None:
    """Return ``CONDA_OVERRIDE_<name>``: empty where it says "none", ``None`` where it is not set or no version."""
    value = os.environ.get(f"CONDA_OVERRIDE_{name}")
    if value is None:
        return None
    value = value.strip()
    return None if value and name != "ARCHSPEC" and not value[0].isdigit() else value


def _driver_cuda() -> str:
    # Loading libcuda wakes the driver; only where there is one.
    if sys.platform == "linux" and not any(map(os.path.exists, (_DRIVER, _DRIVER_OF_WSL))):
        return ""
    if sys.platform == "win32" and not _file_version("nvcuda.dll"):
        return ""
    if sys.platform == "darwin":
        return ""
    import ctypes

    try:
        library = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        value = ctypes.c_int(0)
        if library.cuDriverGetVersion(ctypes.byref(value)):
            return ""
    except (OSError, AttributeError):
        return ""
    return f"{value.value // 1000}.{value.value % 1000 // 10}"


def start_here(env: Environment) -> None:
    """Take it that Python is started in the working folder: what lies there comes before the environment's own.

    Of an environment for another system, which this one can hold (Windows' seen from its Linux), that folder is all
    that is known of where it is started.
    """
    env.started_here = True
    if not env.this_machine:
        env.working_folder = _shadowing_files(env, [""])
    elif os.environ.get("PYTHONSAFEPATH") and contains(">=3.11", env.python.minor):
        start_elsewhere(env)


def start_elsewhere(env: Environment) -> None:
    """Leave the working folder aside: only what PYTHONPATH brings comes before the environment's own."""
    env.working_folder = [file for file in env.working_folder if brought_by_python_path(env, file)]


def _listed() -> list[str]:
    return [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]


def _shadowing_files(env: Environment, folders: list[str]) -> list[str]:
    """Return the files of folders that are named like modules TensorFlow imports; the working folder is empty.

    What lies in the environment's own site-packages, or is of its own Python's library, hides nothing.
    """
    site = env.site_packages
    own = [site, os.path.dirname(site)] if site else []
    found = []
    for folder in folders:
        try:
            if any(os.path.samefile(folder or ".", each) for each in own):
                continue
            with os.scandir(folder or ".") as entries:
                for entry in entries:
                    stem, dot, suffix = entry.name.partition(".")
                    if stem not in MODULES:
                        continue
                    module = dot and suffix in ("py", "pyc", "so", "pyd")
                    package = not dot and os.path.exists(os.path.join(entry.path, "__init__.py"))
                    if module or package:
                        found.append(os.path.join(folder, entry.name) + ("/" if package else ""))
        except OSError:
            continue
    return sorted(found)


def _path_packages() -> list[Package]:
    """Return the packages in the folders of PYTHONPATH, of each the one that is found first."""
    first: dict[str, Package] = {}
    for folder in _listed():
        for package in _packages_in(folder):
            first.setdefault(package.name, package)
    return list(first.values())


def _packages_in(folder: str) -> list[Package]:
    """Return what pip has installed into a folder; none where it cannot be read, as most people have no user site."""
    try:
        return [Package(d.name, d.version, PIP, "", "pypi", d.path) for d in list_dist_infos(folder)]
    except OSError:
        return []


def _without_user_site(prefix: str) -> bool:
    """Tell whether conda switches the user site off when it activates an environment (``conda env config vars``)."""
    try:
        state = load_json(read_condas(os.path.join(prefix, STATE)))
        # What `unset` leaves there is no value.
        return state["env_vars"]["PYTHONNOUSERSITE"] not in ("", "***unset***")
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _user_site(env: Environment) -> list[Package]:
    """Return what the user site holds for this environment's Python; it comes before the environment's own."""
    minor = env.python.minor
    if not minor or os.environ.get("PYTHONNOUSERSITE") or _without_user_site(env.prefix):
        return []
    base = os.environ.get("PYTHONUSERBASE")
    if sys.platform == "win32":
        root = base or os.path.join(os.environ.get("APPDATA", ""), "Python")
        # As `sysconfig` has it (`nt_user`): sys.winver without the dot.
        of_machine = {"x86": "-32", "arm64": "-arm64"}.get(env.python.machine, "")
        folder = os.path.join(root, f"Python{minor.replace('.', '')}{of_machine}", "site-packages")
    else:
        root = base or os.path.expanduser("~/.local")
        folder = os.path.join(root, "lib", f"python{minor}", "site-packages")
    return _packages_in(folder)
