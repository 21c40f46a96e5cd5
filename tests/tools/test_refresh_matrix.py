"""refresh-matrix, from an index with real wheels to the file of a release."""

from __future__ import annotations

import hashlib
import http.server
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from conda_tf_doctor.errors import UsageError
from conda_tf_doctor.matrix.compiled import DATA, RELEASES
from conda_tf_doctor.matrix.load import load_matrix
from tests.serving import Quiet, served
from tests.wine import no_index
from tools import refresh_matrix
from tools.package_index import File, Index
from tools.refresh_matrix import build_info, floor, refresh, releases, windows
from tools.release_file import span
from tools.tiny_pe import make_dll

BUILD_INFO = (
    "import collections\n"
    "build_info = collections.OrderedDict([('cuda_version', '12.9.1'), ('cudnn_version', '9'), ('is_cuda_build', True),"
    " ('cuda_compute_capabilities', ['sm_90', 'compute_100'])])\n"
)
REQUIRES = (
    "wrapt>=1.11.0",
    "numpy<4,>=2; python_version >= '3.13'",
    "numpy<3,>=1.26; python_version < '3.13'",
    "nvidia-cuda-runtime-cu12<13,>=12.9.79; extra == 'and-cuda'",
    "nvidia-cudnn-cu12>=9.12.0.46,<10; extra == 'and-cuda'",
)


def add(folder: Path, name: str, requires: tuple[str, ...] = REQUIRES, **members: str) -> None:
    """Put a wheel into the index."""
    distribution, version = name.split("-")[:2]
    page = folder / distribution.replace("_", "-")
    page.mkdir(exist_ok=True)
    metadata = f"Metadata-Version: 2.1\nName: {page.name}\nVersion: {version}\nRequires-Python: >=3.10\n"
    metadata += "".join(f"Requires-Dist: {text}\n" for text in requires)
    with zipfile.ZipFile(page / name, "w") as archive:
        archive.writestr(f"{distribution}-{version}.dist-info/METADATA", metadata)
        for member, content in members.items():
            archive.writestr(f"tensorflow/python/platform/{member}.py", content)


class Handler(Quiet):
    """Serves folders as pages of an index, in JSON; it cannot give parts of a file."""

    def do_GET(self) -> None:  # noqa: N802
        folder = Path(self.directory) / self.path.strip("/").removeprefix("simple/")
        if not self.path.endswith("/"):
            super().do_GET()
        elif not folder.is_dir():
            self.send_error(404)
        else:
            files = [
                {
                    "filename": path.name,
                    "url": path.name,
                    "hashes": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
                    "requires-python": ">=3.10",
                    "upload-time": "2031-02-03T04:05:06.7Z",
                }
                for path in sorted(folder.iterdir())
            ]
            content = json.dumps({"meta": {"api-version": "1.1"}, "name": folder.name, "files": files}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
            self.end_headers()
            self.wfile.write(content)

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.removeprefix("/simple"))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of an index that pip is configured to use."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    with served(folder, Handler) as address:
        monkeypatch.setenv("PIP_INDEX_URL", f"{address}/simple")
        yield folder


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of releases of its own, with one release in it."""
    folder = tmp_path / "releases"
    folder.mkdir()
    (folder / "2.21.0.yaml").write_bytes(Path(DATA, RELEASES, "2.21.0.yaml").read_bytes())
    monkeypatch.setattr(refresh_matrix, "FOLDER", folder)
    return folder


LINUX = "tensorflow-2.22.0-cp312-cp312-manylinux_2_28_x86_64.whl"


def test_a_new_release_is_one_file(index: Path, files: Path) -> None:
    add(index, LINUX, build_info=BUILD_INFO)
    add(index, LINUX.replace("cp312", "cp313"), build_info=BUILD_INFO)
    add(index, "tensorflow-2.22.0-cp312-cp312-macosx_12_0_arm64.whl")
    refresh(Index(), [], pre=False, binaries=True, dry_run=False)
    assert sorted(path.name for path in files.iterdir()) == ["2.21.0.yaml", "2.22.0.yaml"]
    assert (files / "2.22.0.yaml").read_text(encoding="utf-8") == (
        """\
# TensorFlow 2.22.0: its wheels, what they require, and what was established of them.
schema_version: 1
kind: release
release: 2.22.0

# What the index has. Written by refresh-matrix, as all up to `builds`: put nothing here by hand.
wheels:
  tensorflow:
    date: '2031-02-03'
    platforms:
      linux-64: {python: 3.12-3.13, glibc: '2.28'}
      osx-arm64: {python: '3.12', macos: '12.0'}

# What the metadata of the wheels declare.
requires:
- of: [tensorflow]
  python: '>=3.10'
  packages:
  - numpy>=1.26,<3 ; python_version < "3.13"
  - numpy>=2,<4 ; python_version >= "3.13"
  - wrapt>=1.11.0
  - nvidia-cuda-runtime-cu12>=12.9.79,<13 ; extra == "and-cuda"
  - nvidia-cudnn-cu12>=9.12.0.46,<10 ; extra == "and-cuda"

# What the files in the wheels say.
read:
- of: [tensorflow/linux-64]
  cuda_build: true
  cuda_version: 12.9.1
  cudnn_version: '9'
  compute_capabilities: [sm_90, compute_100]

# What else was established, by wheel. Yours: refresh-matrix only makes this part for a new release.
builds:
- of: [tensorflow/linux-64]
  use: [linux-cuda-12, linux-cudnn-9]
  facts: {cuda: '>=12.9,<13', cuda_built: '12.9', cudnn: '>=9.12,<10', cudnn_built: '9.12', avx: true, notes: 'as
      in 2.21.0, not established anew', review: true}
"""
    )


def test_what_a_person_established_stays_where_the_index_has_more_wheels(index: Path, files: Path) -> None:
    add(index, LINUX)
    refresh(Index(), [], pre=False, binaries=False, dry_run=False)
    path = files / "2.22.0.yaml"
    first, mine = path.read_text(encoding="utf-8").split("# What else")[0], "builds:  # mine\n- {of: [tensorflow]}\n"
    path.write_text(first + mine, encoding="utf-8")
    add(index, LINUX.replace("cp312", "cp313"))
    refresh(Index(), [], pre=False, binaries=False, dry_run=False)
    assert path.read_text(encoding="utf-8") == first.replace("python: '3.12'", "python: 3.12-3.13") + mine


def test_nothing_is_written_where_the_files_say_what_the_index_has(index: Path, files: Path) -> None:
    add(index, LINUX)
    refresh(Index(), [], pre=False, binaries=False, dry_run=False)
    before = (files / "2.22.0.yaml").stat().st_mtime_ns
    refresh(Index(), [], pre=False, binaries=False, dry_run=False)
    assert (files / "2.22.0.yaml").stat().st_mtime_ns == before


def test_new_prereleases_are_taken_on_demand_and_plugins_have_files_of_their_own(
    index: Path, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add(index, LINUX.replace("2.22.0", "2.22.0rc1"))
    add(index, "tensorflow_metal-1.3.0-cp312-cp312-macosx_12_0_arm64.whl")
    refresh(Index(), [], pre=False, binaries=False, dry_run=False)
    assert not (files / "2.22.0rc1.yaml").exists()
    assert "2.22.0rc1: a pre-release, left out (--pre takes it)" in capsys.readouterr().out
    assert (files / "tensorflow-metal-1.3.0.yaml").read_text(encoding="utf-8").startswith("# tensorflow-metal 1.3.0:")
    refresh(Index(), [], pre=True, binaries=False, dry_run=True)
    assert "release: 2.22.0rc1" in capsys.readouterr().out
    assert not (files / "2.22.0rc1.yaml").exists()


def test_an_index_that_does_not_answer_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, index: Path, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (index / "tensorflow").mkdir()
    (index / "tensorflow" / LINUX).write_bytes(b"no archive")
    assert refresh_matrix.main([]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"refresh-matrix: {LINUX} cannot be read")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        (
            BUILD_INFO,
            {
                "cuda_build": True,
                "cuda_version": "12.9.1",
                "cudnn_version": "9",
                "compute_capabilities": ["sm_90", "compute_100"],
            },
        ),
        (
            'build_info = {"is_cuda_build": False, "cuda_version": "11", "msvcp_dll_names": "msvcp140.dll,b.dll"}',
            {"cuda_build": False, "preloads": ["msvcp140.dll", "b.dll"]},
        ),
        ("is_cuda_build = False\n", {"cuda_build": False}),
        ("", {}),
    ],
    ids=["gpu", "windows", "of-1.x", "empty"],
)
def test_build_info(text: str, facts: dict[str, object]) -> None:
    assert build_info({"build_info.py": text.encode()}) == facts


def test_imports_of_a_wheel_for_windows(tmp_path: Path) -> None:
    wheel = tmp_path / "tensorflow-9.0.0-cp312-cp312-win_amd64.whl"
    imports = {"MSVCP140.dll": ["_Mtx_init_in_situ"], "cudart64_110.dll": ["cudaFree"], "KERNEL32.dll": ["Sleep"]}
    binary = make_dll(tmp_path / "main.pyd", imports=imports)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(binary, "tensorflow/python/_main.pyd")
        archive.writestr("tensorflow/python/platform/build_info.py", "build_info = {'is_cuda_build': True}")
    assert windows(wheel) == {
        "cuda_build": True,
        "vc_dlls": ["msvcp140.dll"],
        "cuda_dlls": ["cudart64_110.dll"],
        "mtx_in_situ": True,
    }


@pytest.mark.parametrize(
    ("names", "oldest"),
    [
        ("p-1-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", {"glibc": "2.17"}),
        ("p-1-cp39-cp39-manylinux2010_x86_64.whl p-1-cp310-cp310-manylinux2014_x86_64.whl", {"glibc": "2.17"}),
        ("p-1-cp39-cp39-manylinux1_x86_64.whl", {}),
        ("p-1-cp39-cp39-macosx_10_9_x86_64.whl p-1-cp310-cp310-macosx_10_15_x86_64.whl", {"macos": "10.15"}),
        ("p-1-cp39-cp39-win_amd64.whl", {}),
    ],
)
def test_the_oldest_system_that_all_wheels_admit(names: str, oldest: dict[str, str]) -> None:
    from packaging.utils import parse_wheel_filename

    found = [File(name, "", "1", "", "", False, parse_wheel_filename(name)[3]) for name in names.split()]
    assert floor(found) == oldest


@no_index
@pytest.mark.network
def test_the_matrix_has_every_wheel_that_the_index_has_of_its_releases() -> None:
    matrix = load_matrix()
    differing = [
        f"{distribution} {release.version} {platform}"
        for release in releases(Index()).values()
        if matrix.builds(version=release.version, channel="pypi")
        for distribution, wheels in release.wheels.items()
        for platform, facts in wheels["platforms"].items()
        for rows in [matrix.builds(distribution, release.version, "pypi", platform)]
        # Of a wheel that no Python can have, as another one that it asks for is for none of them, the notes tell.
        if [span(list(row.python)) or (row.notes and facts.get("python", "")) for row in rows]
        != [facts.get("python", "")]
    ]
    assert differing == []


def test_an_index_without_json_is_told(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Handler, "do_GET", http.server.SimpleHTTPRequestHandler.do_GET)
    (index / "tensorflow").mkdir()
    with pytest.raises(UsageError, match="does not describe tensorflow in JSON"):
        Index().files("tensorflow")
