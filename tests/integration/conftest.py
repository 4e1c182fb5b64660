"""Fixtures that every kind of integration test may ask for."""

from collections.abc import AsyncIterator

import pytest

from voicehub.engines.local.models import SpeechModels


@pytest.fixture(scope="session")
async def speech_models() -> AsyncIterator[SpeechModels]:
    """The real models, loaded once for the whole run."""
    models = await SpeechModels.load()
    yield models
    await models.close()
