"""What the documents list is compared with the code."""

import re
from pathlib import PurePath

from pydantic import SecretStr

from voicehub.settings import Settings
from voicehub.telemetry.telemetry import Telemetry


def test_the_readme_lists_every_setting_with_its_default(root):
    """On a failure, replace README's table by the one that this prints."""
    readme = (root / "README.md").read_text()
    expected = "\n".join(["| variable | default | what |", "| --- | --- | --- |", *_rows()])
    assert expected in readme, f"README.md must hold this table:\n\n{expected}"


def test_the_readme_lists_every_metric_with_its_labels(root):
    """On a failure, replace README's table by the one that this prints."""
    readme = (root / "README.md").read_text()
    rows = [
        f"| `{each.name}` | {each.kind} | {', '.join(each.labels)} | {each.what} |"
        for each in Telemetry().metrics
    ]
    expected = "\n".join(["| metric | kind | labels | what |", "| --- | --- | --- | --- |", *rows])
    assert expected in readme, f"README.md must hold this table:\n\n{expected}"


def test_the_readme_names_every_command_of_scripts(root):
    readme = (root / "README.md").read_text() + (root / "CONTRIBUTING.md").read_text()
    commands = [
        path.name for path in (root / "scripts").iterdir() if path.is_file() and not path.suffix
    ]
    missing = [name for name in commands if f"scripts/{name}" not in readme]
    assert not missing


def test_the_folder_map_of_the_readme_is_the_tree(root):
    readme = (root / "README.md").read_text()
    folders = [
        path.name
        for path in (root / "voicehub").iterdir()
        if path.is_dir() and any(path.glob("*.py"))
    ]
    missing = [name for name in folders if not re.search(rf"^\s+{name}/\s", readme, re.MULTILINE)]
    assert not missing


def _rows():
    for field in Settings.model_fields.values():
        yield f"| `{field.alias}` | {_default(field)} | {field.description} |"


def _default(field):
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value == []:
        return ""
    if isinstance(value, SecretStr):
        return "(secret)"
    if isinstance(value, list):
        return f"`{','.join(map(str, value))}`"
    return f"`{str(value).lower() if isinstance(value, bool) else _plain(value)}`"


def _plain(value):
    return value.as_posix() if isinstance(value, PurePath) else value
