"""The query parameters that every list takes: `limit`, `order`, `after`, `before`."""

from typing import Annotated, Literal

from pydantic import Field

from voicehub.rest import body
from voicehub.storage.page import BIGINT_MAX, Window

LIMIT_MAX = 100
LIMIT_DEFAULT = 20

Identifier = Annotated[int, Field(ge=0, le=BIGINT_MAX)]


class ListQuery(body.Query):
    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT
    order: Literal["asc", "desc"] = "desc"
    after: Identifier | None = None
    before: Identifier | None = None

    @property
    def window(self) -> Window:
        return Window(self.limit, self.order == "desc", self.after, self.before)
