"""The tree as the house rules see it: every file read once, every module parsed once."""

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What tools and the embedded stack leave behind; so do hidden folders, but for CI's.
NOT_OURS = {"__pycache__", "dist", "node_modules"}


@dataclass(frozen=True, slots=True)
class SourceFile:
    path: Path
    text: str

    @property
    def place(self) -> str:
        """The path from the root of the project, as a finding names it."""
        return self.path.relative_to(ROOT).as_posix()


@dataclass(frozen=True, slots=True)
class Module(SourceFile):
    tree: ast.Module

    @property
    def dotted(self) -> str:
        return self.place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def folder(self) -> str:
        """`session` for voicehub/session/state.py, `errors` for voicehub/errors.py."""
        return self.dotted.split(".")[1] if "." in self.dotted else ""

    @property
    def imports(self) -> list[tuple[str, int]]:
        """Every module that is imported, anywhere in the file, with its line."""
        found: list[tuple[str, int]] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(alias.name, node.lineno) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                found.append((node.module, node.lineno))
                found += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
        return found


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def files() -> list[SourceFile]:
    """Every text file of the project."""
    return list(_text_files())


@pytest.fixture(scope="session")
def python_files(files: list[SourceFile]) -> list[Module]:
    """Every Python file: the package, the tests, the scripts."""
    return [
        Module(file.path, file.text, ast.parse(file.text, file.place))
        for file in files
        if file.path.suffix == ".py"
    ]


@pytest.fixture(scope="session")
def modules(python_files: list[Module]) -> list[Module]:
    """The modules of the package."""
    return [module for module in python_files if module.place.startswith("voicehub/")]


@pytest.fixture(scope="session")
def test_modules(python_files: list[Module]) -> list[Module]:
    return [module for module in python_files if module.path.name.startswith("test_")]


def _text_files() -> Iterator[SourceFile]:
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if name == ".ci" or not (name in NOT_OURS or name.startswith("."))
        ]
        for name in sorted(names):
            path = Path(folder, name)
            try:
                yield SourceFile(path, path.read_text(encoding="utf-8"))
            except UnicodeDecodeError:
                continue  # a sound or a picture
