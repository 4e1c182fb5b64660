"""Which errors a function raises, read from the source: its own, and of what it goes on to."""

import ast
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from voicehub.errors import VoiceHubError

# Where a request goes. What lies behind (sockets, engines) answers no request.
_PLACES = ("voicehub.rest", "voicehub.storage", "voicehub.auth", "voicehub.live.admission")


def errors_of(function) -> set[tuple[type[VoiceHubError], str]]:
    """The classes and codes of what a function may raise, as far as names lead.

    Methods of objects are not followed: nobody knows of which class they are.
    """
    found, seen, left = set(), set(), [(inspect.getmodule(function), function.__name__)]
    while left:
        module, name = left.pop()
        if (module.__name__, name) in seen:
            continue
        seen.add((module.__name__, name))
        for node in ast.walk(_functions(module)[name]):
            if isinstance(node, ast.Call) and (raised := _error(module, node)):
                found.add(raised)
            if isinstance(node, ast.Name | ast.Attribute) and (told := _place(module, node)):
                left.append(told)
    return found


def errors_in(module: ModuleType) -> set[tuple[type[VoiceHubError], str]]:
    """The classes and codes of all errors that a module makes."""
    calls = (node for node in ast.walk(_tree(module)) if isinstance(node, ast.Call))
    return {raised for node in calls if (raised := _error(module, node))}


def modules() -> Iterator[ModuleType]:
    for place in _PLACES:
        module = importlib.import_module(place)
        yield module
        if hasattr(module, "__path__"):
            for each in pkgutil.iter_modules(module.__path__, f"{place}."):
                yield importlib.import_module(each.name)


@functools.cache
def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(Path(module.__file__).read_text())


@functools.cache
def _functions(module: ModuleType) -> dict[str, ast.AST]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name: node for node in _tree(module).body if isinstance(node, kinds)}


def _error(module: ModuleType, node: ast.Call) -> tuple[type[VoiceHubError], str] | None:
    """`ConflictError("...", code="x")`, and `_TooSlowError("...")` of the module's own."""
    if not isinstance(node.func, ast.Name):
        return None
    kind = getattr(module, node.func.id, None)
    if not (isinstance(kind, type) and issubclass(kind, VoiceHubError)):
        return None
    given = [each.value for each in node.keywords if each.arg == "code"]
    if given and not isinstance(given[0], ast.Constant):
        return None
    return kind, given[0].value if given else kind.code


def _place(module: ModuleType, node: ast.Name | ast.Attribute) -> tuple[ModuleType, str] | None:
    """The function of ours that a name stands for: `_own`, `sessions.get`, `opening.issue`."""
    if isinstance(node, ast.Name):
        target = getattr(module, node.id, None)
    elif isinstance(node.value, ast.Name):
        beside = getattr(module, node.value.id, None)
        target = getattr(beside, node.attr, None) if isinstance(beside, ModuleType) else None
    else:
        return None
    home = inspect.getmodule(target) if inspect.isfunction(target) else None
    if home is None or not home.__name__.startswith(_PLACES):
        return None
    return (home, target.__name__) if target.__name__ in _functions(home) else None
