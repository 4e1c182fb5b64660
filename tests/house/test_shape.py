"""How long, how named, and how excused: the parts of the style guide that a program can check."""

import ast
import re

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

# Each says nothing about the thing, or has another meaning in this trade.
AVOIDED = {
    *("call", "stream", "manager", "handler", "helper", "helpers", "util", "utils"),
    *("data", "info", "process", "context"),
}
AVOIDED_ENDINGS = ("manager", "handler", "helper", "helpers", "util", "utils", "info")
# Names that are not ours to choose.
GIVEN_NAMES = {
    "data": "the column of the schema, and the key of list answers",
    "context": "the key of the schema's `sessions.data`, given by the client",
    "call": "the prefix of the protocol's `call_id`",
    "handler": "aiohttp's name for what a middleware goes on to",
}

SUPPRESSION = re.compile(r"#\s*(?P<kind>noqa|type:\s*ignore|pragma: no cover)(?P<rest>.*)$")
REASONED = re.compile(
    r"(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|\[[\w-]+(?:,\s*[\w-]+)*\])\s*(?:#|-)\s*\S"
)


def test_files_are_short(python_files):
    against = [
        f"{module.place}: {lines} lines"
        for module in python_files
        if (lines := module.text.count("\n")) >= FILE_LINES_MAX
    ]
    assert not against, "\n".join(against)


def test_functions_are_short(python_files):
    against = [
        f"{module.place}:{node.lineno} {node.name}: {lines} lines"
        for module in python_files
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := node.end_lineno - node.lineno + 1) >= FUNCTION_LINES_MAX
    ]
    assert not against, "\n".join(against)


def test_every_module_says_what_it_is_for(modules):
    against = [
        module.place for module in modules if module.text and not ast.get_docstring(module.tree)
    ]
    assert not against, "\n".join(against)


def test_names_say_something(modules):
    against = [
        f"{module.place}:{line} {name}"
        for module in modules
        for name, line in _names(module)
        if _says_nothing(name)
    ]
    assert not against, "\n".join(against)


def test_every_suppression_has_a_code_and_a_reason(python_files):
    against = [
        f"{module.place}:{number} {line.strip()}"
        for module in python_files
        for number, line in enumerate(module.text.splitlines(), 1)
        if (found := SUPPRESSION.search(line)) and not REASONED.match(found["rest"])
        if not module.place.startswith("tests/house/")
    ]
    assert not against, "\n".join(against)


def _says_nothing(name):
    bare = name.strip("_").lower()
    if bare in GIVEN_NAMES:
        return False
    return (
        bare in AVOIDED or re.split(r"_|(?<=[a-z])(?=[A-Z])", name)[-1].lower() in AVOIDED_ENDINGS
    )


def _names(module):
    """Every name that the module gives: itself, classes, functions, arguments, variables."""
    yield module.path.stem, 1
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
