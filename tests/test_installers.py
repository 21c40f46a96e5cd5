"""The command lines of installers: written and read again."""

from __future__ import annotations

import pytest

from conda_tf_doctor import installers

PIP = ("python", "-m", "pip", "install")


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ((*PIP, "numpy<2", "TF_Keras==2.15"), {"numpy": "<2", "tf-keras": "==2.15"}),
        ((*PIP, "--upgrade", "-c", "pins.txt", "tensorflow[and-cuda]==2.15.*"), {"tensorflow": "==2.15.*"}),
        (("C:\\env\\python.exe", "-m", "pip", "install", "h5py"), {"h5py": ""}),
        ((*PIP, "--no-deps", "--force-reinstall", "numpy==1.26.4"), {}),
        (("python", "-m", "pip", "uninstall", "-y", "numpy"), {}),
        (("conda", "install", "numpy=1.26"), {}),
        (("python", "-m"), {}),
    ],
)
def test_what_is_asked_of_pip(command: tuple[str, ...], asked: dict[str, str]) -> None:
    assert installers.asked_of_pip(command) == asked


@pytest.mark.parametrize(
    ("command", "head"),
    [
        ((*PIP, "numpy"), PIP),
        (("conda", "install", "-n", "x", "numpy"), ("conda", "install")),
        (("pixi", "add", "numpy"), ("pixi", "add")),
        (("uv", "pip", "install", "numpy"), ("uv", "pip", "install")),
        (("conda", "run", "-p", "/e", "python", "-m", "pip", "install", "x"), ("conda", "run", "-p", "/e", *PIP)),
        (("conda", "create", "-n", "install", "x"), ()),
        (("winget", "show"), ()),
    ],
)
def test_who_installs(command: tuple[str, ...], head: tuple[str, ...]) -> None:
    assert installers.installer(command) == head


def test_options_have_their_values_and_packages_have_none() -> None:
    words = ("-n", "work", "-c", "conda-forge", "--force-reinstall", "numpy=1.26", "-y")
    assert installers.packages(words) == ["numpy=1.26"]
    assert installers.options(words) == ["-n", "work", "-c", "conda-forge", "--force-reinstall"]
    assert installers.writes_anew(words) and not installers.writes_anew(("numpy",))


def test_what_is_written_is_read() -> None:
    anew = installers.pip_install(["numpy==1.26.4"], *installers.ANEW)
    assert anew == (*PIP, "--force-reinstall", "--no-cache-dir", "--no-deps", "numpy==1.26.4")
    gone = installers.pip_uninstall(name for name in ("keras", "tf-keras"))
    assert gone == ("python", "-m", "pip", "uninstall", "-y", "keras", "tf-keras")
    assert installers.is_pip(gone, "uninstall") and not installers.is_pip(gone, "install")
