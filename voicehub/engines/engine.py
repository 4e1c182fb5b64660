"""What an engine is: something that takes GA client events and gives GA server events."""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from voicehub.realtime.frame import Body, Frame


class Engine(Protocol):
    """One conversation with a model. Its session opens it once and always closes it."""

    async def open(self, session: Body) -> Body:
        """Begin with `session` (a GA session object, trusted: it comes from the agent's row).

        Returns the effective session object, as `session.created` would show it (`id`, `object`,
        `type`, `model`, `output_modalities`, `instructions`, `tools`, `audio`, ...).
        The engine gives no `session.created` frame of its own. Raises EngineError.
        """
        ...

    async def send(self, frame: Frame) -> None:
        """Take one client event, in order. Returns once it is accepted; may wait (backpressure).

        An event that the engine refuses is answered by an `error` frame, never by an exception.
        """
        ...

    def send_now(self, frame: Frame) -> bool:
        """Take one client event as `send` does, if nothing has to be waited for.

        False: it was not taken, and goes through `send`. Nobody asks while a `send` is under way.
        """
        ...

    def frames(self) -> AsyncIterator[Frame]:
        """Server events in order, until the engine is closed. Raises EngineError when it fails."""
        ...

    async def aclose(self) -> None:
        """Release everything; safe to repeat. `frames()` ends."""
        ...


EngineFactory = Callable[[], Engine]
