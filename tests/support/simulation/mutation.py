"""Change one line of the library while a block runs, to see whether the tests notice."""

import importlib
import inspect
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import field, frozen


class MutantNotApplied(AssertionError):
    """The code that a mutant changes is gone, or is there more than once: adapt the mutant."""


@frozen
class Mutant:
    """A change of the protocol that must be noticed.

    Args:
        name: What it forgets.
        module: The module below ``remote_artwork`` that it changes.
        before: Text that is in the module exactly once.
        after: What replaces it.
        within: The simulation notices it within so many seeds.
        given: Fields of the setup that are the same in each of these seeds, for what few histories reach.
    """

    name: str
    module: str
    before: str
    after: str
    within: int = 1500
    given: Mapping[str, Any] = field(factory=dict)


@contextmanager
def applied(mutant: Mutant) -> Iterator[None]:
    """Let the library run with this change. Functions get other code; nothing is imported again.

    Raises:
        MutantNotApplied: The change has no effect on any function.
    """
    module = importlib.import_module(f"remote_artwork.{mutant.module}")
    source = inspect.getsource(module)
    if source.count(mutant.before) != 1:
        raise MutantNotApplied(f"{mutant.name}: {mutant.module} has this text {source.count(mutant.before)} times")
    changed = source.replace(mutant.before, mutant.after)
    codes = [compile(text, str(module.__file__), "exec", dont_inherit=True) for text in (source, changed)]
    swaps = list(_swaps(module, *codes))
    if not swaps:
        raise MutantNotApplied(f"{mutant.name}: the change is in no function that runs")
    before = [(function, function.__code__) for function, _ in swaps]
    for function, code in swaps:
        function.__code__ = code
    try:
        yield
    finally:
        for function, code in before:
            function.__code__ = code


def _swaps(
    owner: Any, before: types.CodeType, after: types.CodeType
) -> Iterator[tuple[types.FunctionType, types.CodeType]]:
    """The functions of a module or class whose code differs, with their new code."""
    inner_before, inner_after = _inner(before), _inner(after)
    if len(inner_before) != len(inner_after):
        raise MutantNotApplied("a mutant may not add or remove functions")
    for old, new in zip(inner_before, inner_after, strict=True):
        if _same(old, new):
            continue
        found = vars(owner).get(old.co_name)
        if inspect.isclass(found):
            yield from _swaps(found, old, new)
        else:
            yield _function(found, old), new


def _function(found: Any, code: types.CodeType) -> types.FunctionType:
    """The function below decorators that this code belongs to."""
    while found is not None and not (inspect.isfunction(found) and found.__code__.co_name == code.co_name):
        found = next(
            (
                inner
                for name in ("__wrapped__", "fget", "__func__")
                if (inner := getattr(found, name, None)) is not None
            ),
            None,
        )
    if found is None:
        raise MutantNotApplied(f"there is no function {code.co_qualname}")
    return found


def _inner(code: types.CodeType) -> list[types.CodeType]:
    return [const for const in code.co_consts if isinstance(const, types.CodeType)]


def _same(one: types.CodeType, other: types.CodeType) -> bool:
    """Whether two functions do the same; line numbers do not count."""
    return (
        (one.co_code, one.co_names, one.co_varnames) == (other.co_code, other.co_names, other.co_varnames)
        and len(one.co_consts) == len(other.co_consts)
        and all(
            _same(a, b)
            if isinstance(a, types.CodeType) and isinstance(b, types.CodeType)
            else (type(a), a) == (type(b), b)
            for a, b in zip(one.co_consts, other.co_consts, strict=True)
        )
    )
