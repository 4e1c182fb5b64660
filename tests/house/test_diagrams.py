from pathlib import Path

from voicehub.session.state import diagram

ROOT = Path(__file__).parents[2]


def test_the_architecture_shows_the_transitions_that_the_code_allows():
    assert f"```mermaid\n{diagram()}\n```" in (ROOT / "ARCHITECTURE.md").read_text("utf-8")
