"""A row of the URL table."""

from dataclasses import dataclass

from voicehub.rest.middleware import Access
from voicehub.rest.operation import Operation


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    operation: Operation
    access: Access
