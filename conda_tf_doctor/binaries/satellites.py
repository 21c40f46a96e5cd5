"""Libraries that cuDNN loads by name itself, once it is loaded.

Source: file lists of conda-forge's cudnn packages (8.0 to 8.9, 9.2 to 9.13) for Windows and Linux.
"""

from __future__ import annotations

_OLD = ("ops_infer", "ops_train", "cnn_infer", "cnn_train", "adv_infer", "adv_train")
_NEW = ("ops", "cnn", "adv", "graph", "engines_precompiled", "engines_runtime_compiled", "heuristic")

SATELLITES: dict[str, tuple[str, ...]] = {
    "cudnn64_8.dll": tuple(f"cudnn_{part}64_8.dll" for part in _OLD),
    "cudnn64_9.dll": tuple(f"cudnn_{part}64_9.dll" for part in _NEW),
    "libcudnn.so.8": tuple(f"libcudnn_{part}.so.8" for part in _OLD),
    "libcudnn.so.9": tuple(f"libcudnn_{part}.so.9" for part in _NEW),
}
