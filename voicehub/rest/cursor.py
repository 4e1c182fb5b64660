"""The query parameters that every list takes: `limit`, `order`, `after`, `before`."""

from typing import Annotated, Literal

from pydantic import Field

from voicehub.rest import body
from voicehub.rest.fields import Identifier
from voicehub.storage.page import Window

LIMIT_MAX = 100
LIMIT_DEFAULT = 20


class ListQuery(body.Query):
    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT
    order: Literal["asc", "desc"] = "desc"
    after: Identifier | None = None
    before: Identifier | None = None

    @property
    def window(self) -> Window:
        return Window(self.limit, self.order == "desc", self.after, self.before)
