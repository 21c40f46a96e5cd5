"""The stable codes and names of all rules; nothing else, so that looking one up costs nothing."""

from __future__ import annotations

RULES: dict[str, str] = {
    "TFD101": "python-32bit",
    "TFD102": "arch-mismatch",
    "TFD103": "platform-unsupported",
    "TFD104": "cpu-no-avx",
    "TFD105": "macos-arm-x86",
    "TFD106": "glibc-too-old",
    "TFD201": "python-unsupported",
    "TFD301": "cuda-mismatch",
    "TFD302": "cuda-missing",
    "TFD303": "cudnn-mismatch",
    "TFD304": "cudnn-missing",
    "TFD305": "gpu-unsupported-on-windows",
    "TFD306": "driver-too-old",
    "TFD307": "zlibwapi-missing",
    "TFD308": "ptxas-libdevice-missing",
    "TFD401": "vc-runtime-missing",
    "TFD402": "vc-runtime-old",
    "TFD501": "dll-missing",
    "TFD502": "dll-corrupt",
    "TFD503": "dll-modified",
    "TFD504": "dll-shadowed",
    "TFD505": "dll-symbol-missing",
    "TFD601": "pip-conda-mix",
    "TFD602": "duplicate-tf-distributions",
    "TFD603": "numpy-abi",
    "TFD604": "protobuf-mismatch",
    "TFD605": "keras-mismatch",
    "TFD606": "h5py-mismatch",
    "TFD607": "plugin-package-mismatch",
    "TFD608": "channel-mix",
    "TFD609": "tf-metal-mismatch",
    "TFD610": "libstdcxx-too-old",
    "TFD611": "dependency-mismatch",
    "TFD701": "env-not-activated",
    "TFD702": "path-conflict",
    "TFD703": "user-site-shadowing",
    "TFD704": "local-module-shadowing",
    # Not about TensorFlow: what could not be read while checking. Always an info, never silenced by a family.
    "TFD901": "unreadable-input",
    "TFD902": "rule-failed",
}

CODES: dict[str, str] = {name: code for code, name in RULES.items()}


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
    return frozenset(code for code in RULES if code.startswith(beginning) and not code.startswith("TFD9"))


def code_of(word: str) -> str | None:
    """Return the code for a code or a name in any case, or ``None`` where there is no such rule."""
    upper = word.strip().upper()
    if upper in RULES:
        return upper
    return CODES.get(word.strip().lower().replace("_", "-"))
