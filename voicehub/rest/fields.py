"""The types that the bodies and answers of several resources share."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from voicehub.storage.page import BIGINT_MAX

AMOUNT_MAX = 10**15  # beyond, a JSON number loses its fractions on the way
_FRACTION_DIGITS = 6
# What every zone's clock and every store can say of a moment.
MOMENT_MIN, MOMENT_MAX = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]", re.ASCII)


class Shown(BaseModel):
    """An answer, made of a row: every key stands in it, and null where there is nothing."""

    model_config = ConfigDict(
        from_attributes=True,
        frozen=True,
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,
    )


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


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _decimal(value: Any) -> Any:
    """By its shortest decimal notation: 0.1 is a tenth, and not what a float holds of it."""
    return Decimal(str(value)) if type(value) in {int, float} else value


def _dated(value: Any) -> Any:
    """Only RFC 3339: pydantic would take a number for seconds since 1970."""
    if isinstance(value, str) and not _DATE.match(value):
        raise PydanticCustomError("datetime_parsing", "Input should be a date and time with zone")
    return value


Whole = Annotated[int, BeforeValidator(_whole)]
"""An integer as JSON Schema has it: 1.0 is one."""

# The bounds stand on the integer: behind the validator, its JSON Schema would not tell them.
Identifier = Annotated[int, Field(ge=0, le=BIGINT_MAX), BeforeValidator(_whole)]

Moment = Annotated[AwareDatetime, BeforeValidator(_dated), Field(ge=MOMENT_MIN, le=MOMENT_MAX)]
"""A moment in a body or a query string, as `2026-11-23T12:00:00Z`: its zone stands in it."""

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
