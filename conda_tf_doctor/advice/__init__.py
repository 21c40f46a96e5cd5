"""What to do about a cause: one place that makes it, whoever found the cause.

A rule that read it from a record and the text that a user saw ask the same function, with the same facts; what only
the text says comes along as what its signature captured.
"""

from __future__ import annotations

from importlib import import_module

from .._typing import TYPE_CHECKING
from ..findings import Fix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..context.context import Context

# Module and function for each code; the module is imported when it is asked.
_ADVISERS = {
    "TFD101": ("machine", "wide_python"),
    "TFD102": ("machine", "one_machine"),
    "TFD103": ("machine", "platform"),
    "TFD104": ("machine", "no_avx"),
    "TFD105": ("machine", "one_machine"),
    "TFD106": ("machine", "glibc"),
    "TFD201": ("machine", "python"),
    "TFD301": ("gpu", "cuda"),
    "TFD302": ("gpu", "cuda"),
    "TFD303": ("gpu", "cudnn"),
    "TFD304": ("gpu", "cudnn"),
    "TFD305": ("gpu", "native_windows"),
    "TFD306": ("gpu", "driver"),
    "TFD307": ("gpu", "zlibwapi"),
    "TFD308": ("gpu", "compiler"),
    "TFD401": ("libraries", "vc_runtime"),
    "TFD402": ("libraries", "vc_runtime"),
    "TFD501": ("libraries", "missing"),
    "TFD502": ("libraries", "again"),
    "TFD503": ("libraries", "again"),
    "TFD504": ("paths", "other_copy"),
    "TFD505": ("libraries", "symbol"),
    "TFD601": ("packages", "one_owner"),
    "TFD602": ("packages", "one_distribution"),
    "TFD603": ("packages", "numpy"),
    "TFD604": ("packages", "protobuf"),
    "TFD605": ("packages", "keras"),
    "TFD606": ("packages", "h5py"),
    "TFD607": ("packages", "add_on"),
    "TFD608": ("packages", "one_channel"),
    "TFD609": ("packages", "metal"),
    "TFD610": ("libraries", "libstdcxx"),
    "TFD611": ("packages", "dependency"),
    "TFD701": ("paths", "activate"),
    "TFD702": ("paths", "search_path"),
    "TFD703": ("paths", "user_site"),
    "TFD704": ("paths", "local_module"),
}


def advise(code: str, context: Context, said: Mapping[str, str]) -> Fix:
    """Return what to do about a cause.

    Args:
        code: The rule that stands for it.
        context: The environment, and the text if there is one.
        said: What the text's signature captured (``library``, ``needs``, ``has``, ``name``, ``symbol`` …).
    """
    if code not in _ADVISERS:
        return Fix()
    module, function = _ADVISERS[code]
    fix: Fix = getattr(import_module(f".{module}", __package__), function)(context, said)
    return fix
