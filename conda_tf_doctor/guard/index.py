"""One index of the channels for all solves of a request.

Libmamba's and rattler's solvers build their index anew for every solve, which on a real channel takes longer than the
solve. Where the channels are sharded, an index holds what can be reached from some names, and serves for any of those.
"""

from __future__ import annotations

from typing import Any

_KEPT = "_tf_doctor_indexes"
_COLLECT = "_collect_all_metadata"
_SUBSET = "_build_repodata_subset"


def indexes_of(solver: Any) -> dict[Any, list[tuple[frozenset[str] | None, Any]]]:
    """Return the indexes that a solver has built, for other solvers of the same kind."""
    kept: dict[Any, list[tuple[frozenset[str] | None, Any]]] = vars(solver).setdefault(_KEPT, {})
    return kept


def share_index(solver: Any, source: Any = None) -> None:
    """Let a solver keep the indexes that it builds, and use those that are there already.

    Args:
        solver: Conda's solver object.
        source: The solver whose indexes it takes, and how that one gets at sharded channels; itself by default.
    """
    collect = getattr(solver, _COLLECT, None)
    if collect is None:
        return
    kept = vars(solver)[_KEPT] = indexes_of(solver if source is None else source)
    subset: Any = getattr(solver if source is None else source, _SUBSET, None)
    sharded = False

    def some(*args: Any, **options: Any) -> Any:
        nonlocal sharded
        found = subset(*args, **options)
        sharded = found is not None
        return found

    if subset is not None:
        vars(solver)[_SUBSET] = some

    def collected(*args: Any, **options: Any) -> Any:
        nonlocal sharded
        if args or any(field not in options for field in ("channels", "subdirs")):
            return collect(*args, **options)
        key = (
            tuple(map(str, options["channels"])),
            tuple(map(str, options.get("conda_build_channels", ()))),
            tuple(map(str, options["subdirs"])),
            getattr(solver, "_repodata_fn", ""),
        )
        state = options.get("in_state")
        names = frozenset((*getattr(state, "installed", ()), *getattr(state, "requested", ())))
        for reached, index in kept.get(key, ()):
            if reached is None or names <= reached:
                return index
        sharded = False
        index = collect(**options)
        kept.setdefault(key, []).append((names if sharded else None, index))
        return index

    vars(solver)[_COLLECT] = collected
