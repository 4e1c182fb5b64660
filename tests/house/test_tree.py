"""What belongs to the project and what does not: tests, queries, commands, the lock; no traces."""

import ast
import re
import subprocess
import sys
import tomllib

import pytest

# Modules without a test file of their own name, each with the reason.
TESTED_ELSEWHERE: dict[str, str] = {
    "voicehub.__main__": "two lines; every test that starts the server runs them",
    "voicehub.keys": "names only",
    "voicehub.rest.route": "a record; tests/unit/rest/test_routes.py has all of them",
    "voicehub.engines.engine": "a Protocol",
    "voicehub.session.ending": "records; tests/unit/session/test_endings.py has them all",
    "voicehub.live.leg": "tests/integration/live/test_reconnect.py and test_socket.py run it whole",
    "voicehub.live.reader": "tests/integration/live/test_pushed_audio.py and test_hostile.py do",
    "voicehub.session.commands": "records without behaviour, which the session's tests compare",
    "voicehub.session.events": "records without behaviour, which the session's tests build",
    "voicehub.devstack.postgres": "tests/integration/test_stack.py runs and breaks the real server",
    "voicehub.devstack.redis": "the same",
    "voicehub.devstack.spaces": "the same",
}

# Where somebody worked, and where packages came from: neither means anything on another machine.
TRACES = re.compile(
    r"/root/\w|/wor[k]/\w|/home/\w|/Users/\w|/opt/\w"
    r"|py[p]i\.org|python[h]osted\.org|npm[j]s\.(?:org|com)|deb\.[d]ebian\.org|crates\.[i]o"
)


def test_every_module_has_its_test(modules, test_modules):
    missing = [
        module.place
        for module in modules
        if module.path.name != "__init__.py"
        and module.dotted not in TESTED_ELSEWHERE
        and not any(_tests(test, module) for test in test_modules)
    ]
    assert not missing, "\n".join(missing)


def test_the_exceptions_are_needed(modules, test_modules):
    known = {module.dotted: module for module in modules}
    for name in TESTED_ELSEWHERE:
        assert name in known, f"{name} is gone"
        assert not any(_tests(test, known[name]) for test in test_modules), f"{name} is tested now"


def test_no_trace_of_a_machine_or_a_registry(files):
    against = [
        f"{file.place}:{number} {found[0]}"
        for file in files
        if file.place != "tests/house/test_tree.py"
        for number, line in enumerate(file.text.splitlines(), 1)
        if (found := TRACES.search(line))
    ]
    assert not against, "\n".join(against)


def test_every_query_is_used_and_every_used_query_is_there(root, modules):
    there = {
        path.stem: set(re.findall(r"^-- name: (\w+)", path.read_text(), re.MULTILINE))
        for path in (root / "sql/queries").glob("*.sql")
    }
    storage = [module for module in modules if module.folder == "storage"]
    words = {word for module in storage for word in _constants(module.tree)}
    unused = {topic: names - words for topic, names in there.items()}
    assert not any(unused.values()), unused
    for module in storage:
        for topic in _topics(module):
            asked = _asked(module)
            assert asked <= there[topic], f"{module.place}: {asked - there[topic]}"


def test_the_processes_of_the_procfile_are_commands(root):
    lines = (root / "Procfile").read_text().splitlines()
    commands = [line.partition(": voicehub ")[2].split()[0] for line in lines]
    assert commands == ["migrate", "serve", "worker"]
    for command in commands:
        asked = [sys.executable, "-m", "voicehub", command, "--help"]
        shown = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)
        assert shown.returncode == 0, f"voicehub {command} --help: {shown.stderr}"


def test_the_lock_names_every_dependency_and_no_host(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())
    wanted = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(each for extra in project["project"]["optional-dependencies"].values() for each in extra),
    ]
    lock = (root / "scripts/requirements.txt").read_text()
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    assert not [each for each in wanted if _name(each) not in pinned], "run scripts/lock"
    exact = [each.split("==") for each in wanted if "==" in each]
    assert not [name for name, version in exact if pinned[_name(name)] != version]
    assert "://" not in lock


@pytest.mark.parametrize("name", ["setup", "lock", "lint", "check", "test", "demo"])
def test_every_command_is_a_script_that_explains_itself(root, name):
    path = root / "scripts" / name
    assert path.stat().st_mode & 0o111, f"{name} cannot be executed"
    first, second, *_rest = path.read_text().splitlines()
    assert first == "#!/usr/bin/env bash"
    assert re.match(r"# \w", second)


def _name(requirement):
    return re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def _tests(test, module):
    """Whether `test` is the test file of `module`: at its place, or importing it, and so named."""
    if not re.fullmatch(rf"test_{module.path.stem.strip('_')}(_\w+)?", test.path.stem):
        return False
    # tests/unit/session/test_state.py for voicehub/session/state.py
    if test.place.split("/")[2:-1] == module.dotted.split(".")[1:-1]:
        return True
    names = {name for name, _line in test.imports}
    return any(f"{name}.".startswith(module.dotted + ".") for name in names)


def _constants(tree):
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def _topics(module):
    """The files of named queries that the module loads."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"load", "queries.load"}:
            yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant))


def _asked(module):
    """The queries that stand as words in `_SQL[...]`."""
    return {
        word
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "_SQL"
        for word in _constants(node.slice)
    }
