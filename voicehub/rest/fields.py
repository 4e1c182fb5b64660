"""The types that the bodies and answers of several resources share."""

from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from voicehub.storage.page import BIGINT_MAX

AMOUNT_MAX = 10**15  # beyond, a JSON number loses its fractions on the way
_FRACTION_DIGITS = 6


class Shown(BaseModel):
    """An answer, made of a row: every key stands in it, and null where there is nothing."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


Item = TypeVar("Item", bound=Shown)


class Listed(Shown, Generic[Item]):
    """OpenAI's list envelope; `first_id` and `last_id` are the cursors of the pages beside it."""

    object: Literal["list"] = "list"
    data: list[Item]
    first_id: int | None
    last_id: int | None
    has_more: bool


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _decimal(value: Any) -> Any:
    """By its shortest decimal notation: 0.1 is a tenth, and not what a float holds of it."""
    return Decimal(str(value)) if type(value) in {int, float} else value


Identifier = Annotated[int, Field(ge=0, le=BIGINT_MAX)]

Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"\S")]
"""What people call something: never blank."""

Quantity = Annotated[
    Decimal,
    PlainSerializer(_number, return_type=int | float),
    WithJsonSchema({"type": "number", "minimum": 0}),
]
"""An amount of tokens or money in an answer."""

Amount = Annotated[
    Decimal,
    BeforeValidator(_decimal),
    Field(ge=0, le=AMOUNT_MAX, decimal_places=_FRACTION_DIGITS),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": AMOUNT_MAX}),
]
"""The same in a body: at most six digits behind the point."""

SignedQuantity = Annotated[
    Decimal,
    PlainSerializer(_number, return_type=int | float),
    WithJsonSchema({"type": "number"}),
]
"""A difference between amounts in an answer."""

SignedAmount = Annotated[
    Decimal,
    BeforeValidator(_decimal),
    Field(ge=-AMOUNT_MAX, le=AMOUNT_MAX, decimal_places=_FRACTION_DIGITS),
    WithJsonSchema({"type": "number", "minimum": -AMOUNT_MAX, "maximum": AMOUNT_MAX}),
]
"""The same in a body."""
