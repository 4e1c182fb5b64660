"""voicehub/storage/queries.py"""

import pytest

from voicehub.storage import queries


def test_a_file_is_split_into_its_named_statements() -> None:
    text = "-- intro\n-- name: one\n-- Take one.\nSELECT 1;\n\n-- name: two\n-- Two.\nSELECT\n  2\n"
    assert queries.parse(text, "x") == {"one": "SELECT 1", "two": "SELECT\n  2"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("-- name: one\nSELECT 1;\n", id="no description"),
        pytest.param("-- name: one\n-- Take.\n\n", id="no statement"),
        pytest.param("--name: one\n-- Take.\nSELECT 1;\n", id="name misspelt"),
        pytest.param("-- name: a\n-- T.\nSELECT 1\n-- name: a\n-- T.\nSELECT 2\n", id="twice"),
    ],
)
def test_a_malformed_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"sql/queries/x\.sql"):
        queries.parse(text, "x")


@pytest.mark.parametrize(
    "topic", sorted(path.stem for path in (queries.sql_folder() / "queries").glob("*.sql"))
)
def test_every_file_of_queries_can_be_read(topic: str) -> None:
    assert queries.load(topic)


def test_an_installed_wheel_has_its_sql_inside_the_package(tmp_path, monkeypatch) -> None:
    package = tmp_path / "voicehub"
    (package / "sql").mkdir(parents=True)
    monkeypatch.setattr(queries, "__file__", str(package / "storage" / "queries.py"))
    assert queries.sql_folder() == package / "sql"
