"""Keeps the server's tools out of the client's sight; what is left is whole all the same."""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from voicehub.realtime.frame import Body, Frame, as_object

# Hidden items that are remembered, to name the item before them in their place; an event that
# names an older one passes as it is.
HIDDEN_MAX = 1_024
# Responses in progress of which items are hidden; a model gives one at a time, and few beside it.
RESPONSES_MAX = 16
_NEW_ITEM = ("conversation.item.added", "conversation.item.created")


class Veil:
    """One per session: `shown` takes each event for the client, in order."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._hidden: OrderedDict[str, str | None] = OrderedDict()
        """Item id -> the visible item before it."""
        self._indexes: OrderedDict[str, set[int]] = OrderedDict()
        """Response id -> the places in its output that are hidden."""
        self._last_shown: str | None = None

    def hide(self, item_id: str) -> None:
        """An item of ours, which the engine is about to show."""
        self._remember(item_id, None)

    def shown(self, frame: Frame) -> Frame | None:
        """`frame` as the client may see it, if it may."""
        body = frame.body
        item = body.get("item")
        if isinstance(item, dict):
            if self._is_hidden(item):
                self._follow(item, body)
                return None
            if frame.type in _NEW_ITEM and isinstance(item.get("id"), str):
                self._last_shown = item["id"]
        elif self._has(body.get("item_id")):
            return None
        if frame.type == "response.done":
            return self._stripped(frame)
        changes = self._moved(body)
        return replace(frame, body={**body, **changes}, raw=None) if changes else frame

    def _is_hidden(self, item: Body) -> bool:
        if self._has(item.get("id")):
            return True
        name = item.get("name")
        return item.get("type") == "function_call" and isinstance(name, str) and name in self._names

    def _has(self, item_id: object) -> bool:
        return isinstance(item_id, str) and item_id in self._hidden

    def _follow(self, item: Body, body: Body) -> None:
        """Note where the hidden item stands, in the conversation and in its response."""
        if isinstance(item.get("id"), str):
            self._remember(item["id"], body.get("previous_item_id"))
        response_id, index = body.get("response_id"), body.get("output_index")
        if isinstance(response_id, str) and isinstance(index, int):
            self._indexes.setdefault(response_id, set()).add(index)
            if len(self._indexes) > RESPONSES_MAX:
                self._indexes.popitem(last=False)

    def _remember(self, item_id: str, previous_id: object) -> None:
        if isinstance(previous_id, str) and previous_id != item_id:
            self._hidden[item_id] = self._hidden.get(previous_id, previous_id)
        else:
            # Its place is not told, or not yet: it comes after what the client saw last.
            self._hidden.setdefault(item_id, self._last_shown)
        if len(self._hidden) > HIDDEN_MAX:
            self._hidden.popitem(last=False)

    def _stripped(self, frame: Frame) -> Frame:
        response = as_object(frame.body.get("response"))
        if isinstance(response.get("id"), str):
            self._indexes.pop(response["id"], None)
        output = response.get("output")
        if not isinstance(output, list):
            return frame
        kept = [item for item in output if not self._is_hidden(as_object(item))]
        if len(kept) == len(output):
            return frame
        body = {**frame.body, "response": {**response, "output": kept}}
        return replace(frame, body=body, raw=None)

    def _moved(self, body: Body) -> dict[str, Any]:
        """Positions as they are without the hidden items."""
        changes: dict[str, Any] = {}
        previous_id = body.get("previous_item_id")
        if isinstance(previous_id, str) and previous_id in self._hidden:
            changes["previous_item_id"] = self._hidden[previous_id]
        response_id, index = body.get("response_id"), body.get("output_index")
        if self._indexes and isinstance(response_id, str) and isinstance(index, int):
            before = sum(each < index for each in self._indexes.get(response_id, ()))
            if before:
                changes["output_index"] = index - before
        return changes
