from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from voicehub.rest.agent_models import AgentPatch, NewAgent, whole
from voicehub.storage.agents import Agent

NOW = datetime(2026, 11, 23, tzinfo=UTC)
AGENT = Agent(1, None, None, "Ava", None, "persona", "system", True, {"a": 1}, None, NOW, NOW)


@pytest.mark.parametrize("name", ["", " \t", "x" * 256, None, 7])
def test_a_name_is_never_blank_nor_longer_than_its_column(name):
    for model in (NewAgent, AgentPatch):
        with pytest.raises(ValidationError):
            model.model_validate({"name": name})


def test_a_patch_knows_what_was_sent():
    assert AgentPatch.model_validate({"description": None}).model_fields_set == {"description"}


def test_prompts_and_settings_are_for_who_may_see_them():
    seen, hidden = whole(AGENT, with_prompts=True), whole(AGENT, with_prompts=False)
    assert (seen.persona_prompt, seen.system_prompt, seen.settings) == (
        *("persona", "system"),
        {"a": 1},
    )
    assert (hidden.persona_prompt, hidden.system_prompt, hidden.settings) == (None, None, None)


def test_no_repr_shows_what_the_agent_is_told():
    assert "persona" not in repr(AGENT)
    assert "system" not in repr(AGENT)
