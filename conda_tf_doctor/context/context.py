"""What a rule is given: the facts, the matrix, and what follows from both at once."""

from __future__ import annotations

from .. import versions
from .._light import cached_property, re
from .._typing import TYPE_CHECKING
from ..binaries import has_binaries
from ..codes import CUDA, ROWS
from ..environment import gpu
from ..environment.facts import CONDA, PIP, Environment, Package
from ..environment.site import site_packages_of
from ..environment.tensorflow import OWNERS, VENDORS, Installed, conda_build, find_tensorflow, of_one_version
from ..matrix.model import CHANNELS, CONDA_FORGE, DEFAULTS, WITHOUT_TENSORFLOW
from .gpu import wanted
from .sources import damaged_sources

if TYPE_CHECKING:
    from ..binaries.integrity import Damage
    from ..binaries.remembered import Remembered
    from ..matrix.matrix import Matrix
    from ..matrix.model import Build
    from .binaries import BinaryFacts

# A wheel without binaries and the one that holds them: one TensorFlow, not two.
_FRONTS = ("tensorflow", "tensorflow-cpu")
_BEHIND = {"tensorflow-intel", "tensorflow-macos", "tensorflow-cpu-aws", "tensorflow-rocm"}


class Context:
    """The facts of one environment beside the matrix.

    Attributes:
        env: The environment.
        matrix: The compatibility matrix.
        tensorflow: The TensorFlow it has or asks for; ``None`` where it has none.
        told: Codes of the causes that the error text speaks for by itself, the most probable first; whoever reads the
            text hands them in.
    """

    def __init__(self, env: Environment, matrix: Matrix) -> None:
        self.env = env
        self.matrix = matrix
        self.tensorflow: Installed | None = self._from_its_channel(find_tensorflow(env))
        self.told: tuple[str, ...] = ()

    def _from_its_channel(self, found: Installed | None) -> Installed | None:
        """Return what a file of several channels asks for as that of the first which has it for this platform.

        That is conda's flexible priority: the channels after it are asked for what it lacks.
        """
        if self.env.kind != "file" or found is None or not (found.channel and found.version):
            return found
        listed = found.package.metadata
        others = [] if listed.get("strict") else [name for name in listed.get("channels", ()) if name in CHANNELS]
        for minor in (self.env.python.minor, "") if len(others) > 1 else ():
            for channel in others:
                rows = self.matrix.builds(found.name, found.version, channel, self.env.platform)
                if any(not minor or minor in row.python for row in rows):
                    return found._replace(channel=channel)
        return found

    @cached_property
    def builds(self) -> list[Build]:
        """Every matrix row that this TensorFlow may be: all platforms, all variants, in its channel."""
        return self._rows_of(self.channel)

    def _rows_of(self, channel: str) -> list[Build]:
        tensorflow = self.tensorflow
        if tensorflow is None or not tensorflow.version:
            return []
        candidates = [tensorflow.version]
        if versions.is_prerelease(tensorflow.version):
            # An alpha that was withdrawn long ago was built like the release it led to.
            candidates.append(".".join(map(str, versions.release(tensorflow.version))))
        for version in candidates:
            # A vendor's own build is not the official one of its version: it has other Pythons and another CUDA.
            names = (tensorflow.name,) if tensorflow.name in VENDORS else (tensorflow.name, "tensorflow")
            for name in dict.fromkeys(names):
                rows = self.matrix.builds(distribution=name, version=version, channel=channel)
                # Of a metapackage not every platform is known; what it chooses from is.
                whole = channel == "pypi" or name == "tensorflow"
                if (whole and rows) or any(row.platform == self.env.platform for row in rows):
                    return rows
        return []

    @cached_property
    def channel(self) -> str:
        """The channel whose rows apply: unknown counts as ``pypi``, where the reports that omit it come from.

        A channel that the matrix has no rows of is a mirror, whose build strings tell of what, or it is somebody's
        own, and what is repackaged there are the wheels.
        """
        tensorflow = self.tensorflow
        if tensorflow is None:
            return ""
        if tensorflow.manager == PIP or not tensorflow.channel:
            return "pypi"
        channel = tensorflow.channel
        if channel in CHANNELS or not tensorflow.version:
            return channel
        rows = self.matrix.builds(version=tensorflow.version)
        if any(row.channel == channel for row in rows):
            return channel
        return next((row.channel for row in rows if row.has_build_string(tensorflow.build)), "pypi")

    @cached_property
    def variants(self) -> list[Build]:
        """The rows of this platform that this TensorFlow may be."""
        return self._for_this_platform(self.builds)

    @cached_property
    def to_be_had(self) -> list[Build]:
        """The rows that conda may choose from for a file: of every channel that counts; none where one is not known.

        Where a file does not say ``nodefaults``, the user's own channels count as well: mostly defaults is one of them.
        """
        if self.unknown_channels:
            return []
        others = () if self._is_strict else sorted(self.counted_channels - {self.channel})
        more = [row for name in others for row in self._for_this_platform(self._rows_of(name))]
        return [*self.variants, *more]

    @property
    def unknown_channels(self) -> list[str]:
        """The channels of a file of which nobody knows here what they have."""
        return sorted(self._named_channels - WITHOUT_TENSORFLOW - {CONDA_FORGE, DEFAULTS})

    @property
    def counted_channels(self) -> set[str]:
        """The channels that conda looks into for a file's TensorFlow: those that it names, and the user's own."""
        return (self._named_channels - WITHOUT_TENSORFLOW) | self._own_channels

    @property
    def defaults_may_have(self) -> bool:
        """Whether defaults has what a file asks for that does not name it, and may count all the same.

        Miniforge's conda asks conda-forge alone, and most others defaults as well.
        """
        tensorflow, python = self.tensorflow, self.env.python.minor
        if tensorflow is None or tensorflow.manager != CONDA or self._is_strict:
            return False
        asked = tensorflow.package.picked_from
        return any(
            (not asked or versions.conda_contains(asked, row.tensorflow))
            and (not python or python in row.python)
            and (not tensorflow.build or row.has_build_string(tensorflow.build))
            for channel in self._own_channels
            for row in self._for_this_platform(
                self.matrix.builds(tensorflow.name, "", channel) if asked else self._rows_of(channel)
            )
        )

    @property
    def _named_channels(self) -> set[str]:
        tensorflow = self.tensorflow
        listed = tensorflow.package.metadata if tensorflow and self.env.kind == "file" else {}
        return set(listed.get("channels", ()))

    @property
    def _own_channels(self) -> set[str]:
        """The channels of the user's own that count beside those of a file, as far as they are known."""
        named = self._named_channels
        return {DEFAULTS} - named if named and "nodefaults" not in named else set()

    @property
    def _is_strict(self) -> bool:
        return bool(self.tensorflow and self.env.kind == "file" and self.tensorflow.package.metadata.get("strict"))

    def _for_this_platform(self, builds: list[Build]) -> list[Build]:
        rows = [row for row in builds if row.platform == self.env.platform]
        if self.channel != "pypi" and self.env.conda("tensorflow-gpu"):
            # A metapackage, or an old package of its own: either way conda's tensorflow-gpu is no CPU build.
            rows = [row for row in rows if row.variant == "gpu"]
        return rows

    @cached_property
    def choices_for_gpu(self) -> list[Build]:
        """The GPU builds that conda's solver may choose for a file; none where it has nothing to choose."""
        if self.tensorflow is None or self.tensorflow.manager != CONDA or not self.env.is_request:
            return []
        # Where its own channel has none, a build without CUDA is what it asks for.
        rows = self.to_be_had if any(row.variant == "gpu" for row in self.variants) else []
        return self._of_this_python([row for row in rows if row.variant == "gpu"])

    def accepted_for_gpu(self, library: str) -> list[str]:
        """Return what those accept of a library (``cuda``, ``cudnn``), each range once."""
        return list(dict.fromkeys(filter(None, (getattr(row, library) for row in self.choices_for_gpu))))

    def _of_this_python(self, rows: list[Build]) -> list[Build]:
        """Return the rows for this Python; all of them where none is."""
        python = self.env.python.minor
        return [row for row in rows if not python or not row.python or python in row.python] or rows

    @cached_property
    def build(self) -> Build | None:
        """The one row that is this TensorFlow on this platform, or ``None`` where that cannot be told."""
        rows = self.variants
        if len(rows) > 1:
            rows = self._narrowed(rows)
        return rows[0] if rows else None

    @cached_property
    def binary_build(self) -> Build | None:
        """The row of the distribution that holds the binaries: another one where the wheel is only a stub."""
        return self.matrix.resolve_stub(self.build) if self.build else None

    @cached_property
    def macos(self) -> str:
        """The version of macOS; empty where unknown.

        10.16 is what a Python built for older systems is told by every later macOS: it says nothing.
        """
        text = self.env.virtual_packages.get("__osx", "")
        if not text:
            system = self.env.system.os
            matched = re.search(r"\bmac ?os(?: x)? (\d+(?:\.\d+)*)", system, re.I) if "mac" in system.lower() else None
            text = matched.group(1) if matched else ""
        return "" if text.startswith("10.16") else text

    def is_empty_wheel(self, package: Package) -> bool:
        """Tell whether a distribution of TensorFlow's has no files of its own on this platform, only a requirement."""
        if package.manager == CONDA or not package.version:
            return False
        rows = self.matrix.builds(distribution=package.name, version=package.version, channel="pypi")
        here = [row for row in rows if row.platform in (self.env.platform, "noarch")]
        return bool(here) and all(row.kind in ("stub", "empty") for row in here)

    @cached_property
    def rivals(self) -> list[Package]:
        """Pip's distributions that own the folder tensorflow; one alone is no rival, and an empty wheel none."""
        owners = [p for name in OWNERS for p in self.env.all_named(name) if p.manager != CONDA]
        owners = [p for p in owners if not self.is_empty_wheel(p)]
        fronts = [p for p in owners if p.name in _FRONTS]
        found = [p for p in owners if not (p.name in _BEHIND and any(of_one_version((p, front)) for front in fronts))]
        return found if len({p.name for p in found}) > 1 else []

    @property
    def is_mixed(self) -> bool:
        """Whether the folder tensorflow holds files of several versions."""
        return not of_one_version(self.rivals)

    def _narrowed(self, rows: list[Build]) -> list[Build]:
        tensorflow = self.tensorflow
        if tensorflow and self.channel == "pypi":
            named = [row for row in rows if row.distribution == tensorflow.name]
            return named or rows
        record = conda_build(self.env)
        if record is None:
            return [] if len({(row.variant, row.cuda) for row in rows}) > 1 else rows
        matching = [row for row in rows if row.has_build_string(record.build)]
        hashed = [row for row in matching if any(part in record.build for part in row.hashes)]
        matching = hashed or matching
        fitting = self._of_this_python(matching)
        if len({(row.variant, row.cuda) for row in fitting}) > 1:
            # Defaults gave builds for several CUDA, and those without, one build string. What was installed for one of
            # them is right for that one; nothing tells it from the others but what is there.
            there = [
                row
                for row in fitting
                if any(row.cuda and versions.contains(row.cuda, library.version) for library in self.cuda)
            ]
            fitting = there or (fitting if self.cuda else [row for row in fitting if row.variant == "cpu"] or fitting)
        return fitting

    @cached_property
    def gpu_wanted(self) -> str:
        """Why a GPU is wanted (``tensorflow-gpu is installed``), or empty where nothing says so."""
        why = wanted(self.env, self.tensorflow, self.build)
        if not why and any(ROWS[code].family == CUDA for code in self.told[:1]):
            return "the error text is about the GPU"
        return why

    @cached_property
    def cuda(self) -> list[gpu.Library]:
        """The CUDA runtimes that the environment brings, from conda and pip, where TensorFlow looks."""
        return self._searched(gpu.cuda_runtimes(self.env))

    @cached_property
    def cudnn(self) -> list[gpu.Library]:
        """The cuDNN libraries that the environment brings, from conda and pip, where TensorFlow looks."""
        return self._searched(gpu.cudnn_libraries(self.env))

    def _searched(self, libraries: list[gpu.Library]) -> list[gpu.Library]:
        found = [library for library in libraries if gpu.is_searched(self.env, library)]
        # Conda's TensorFlow looks into its environment's lib, and not into NVIDIA's wheels.
        by_conda = self.tensorflow is not None and self.tensorflow.manager == CONDA
        return sorted(found, key=lambda library: library.package.manager != CONDA) if by_conda else found

    @cached_property
    def binaries(self) -> BinaryFacts | None:
        """What the images on disk (or in the report) tell; ``None`` where there are none."""
        if not self._has_binaries:
            return None
        from .binaries import examine

        return examine(self)

    @cached_property
    def sources(self) -> list[Damage]:
        """Python's own files of the stack that are not what their packages recorded; empty where there is no disk."""
        env = self.env
        site_packages = site_packages_of(env) if env.kind == "prefix" else ""
        if self.tensorflow is None or not site_packages:
            return []

        return damaged_sources(env, site_packages, self.remembered)

    @cached_property
    def remembered(self) -> Remembered | None:
        """What earlier runs read of the environment's files; ``None`` where nothing is to be remembered."""
        if not self.env.remember or not self.env.prefix:
            return None
        from ..binaries.remembered import Remembered

        return Remembered(self.env.prefix)

    def keep(self) -> None:
        """Write down for later runs what this one has read."""
        kept = self.__dict__.get("remembered")
        if kept is not None:
            kept.save()

    @cached_property
    def _has_binaries(self) -> bool:
        env = self.env
        if env.binaries or not env.prefix or env.kind != "prefix":
            return bool(env.binaries)

        return has_binaries(site_packages_of(env))

    @property
    def label(self) -> str:
        """TensorFlow's name and version, for people."""
        tensorflow = self.tensorflow
        return tensorflow.label if tensorflow else "TensorFlow"

    def is_before(self, version: str) -> bool:
        """Tell whether TensorFlow's version is known and before another one."""
        known = self.tensorflow.version if self.tensorflow else ""
        return bool(known) and versions.key(known) < versions.key(version)

    def has_record(self, *names: str) -> bool:
        """Tell whether conda has a package of one of these names."""
        return any(self.env.conda(name) for name in names)

    @property
    def without_driver(self) -> bool:
        """Whether this is a machine that was looked at, and no display driver for CUDA was found on it."""
        env = self.env
        driver = env.system.cuda_driver or "__cuda" in env.virtual_packages
        return (env.this_machine or env.collected) and not driver

    def has(self, what: str) -> bool:
        """Tell whether a family of rules has anything to look at.

        Args:
            what: ``gpu`` (one is wanted), ``gpu model`` (it is known which one there is), ``cuda`` (of the environment
                or the machine, or a wish for it), ``windows``, ``listed`` (a file asks for packages), ``requested`` (a
                report tells of some), ``binaries``
                (TensorFlow's own), ``other modules`` (in the user site, the working folder or on PYTHONPATH); empty is
                always there.
        """
        if what == "cuda":
            system = self.env.system
            around = system.cudnn_installed or (system.cuda_installed and not self.without_driver)
            return bool(self.cuda or self.cudnn or around or self.gpu_wanted)
        if what == "gpu":
            return bool(self.gpu_wanted)
        if what == "gpu model":
            return bool(self.env.system.gpu)
        if what == "windows":
            return self.env.os == "win"
        if what == "listed":
            return self.env.kind == "file" and not self.env.listed
        if what == "requested":
            return self.env.kind == "report" and bool(self.env.requested)
        if what == "binaries":
            return self._has_binaries
        return not what or bool(self.env.user_site or self.env.working_folder)
