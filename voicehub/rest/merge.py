"""JSON Merge Patch (RFC 7396): how a PATCH changes an object inside a resource."""

from typing import Any


def merged(target: Any, patch: Any) -> Any:
    """`target` as `patch` wants it; both are any JSON, and neither is changed.

    A key of the patch replaces, null removes, objects are merged key by key.
    """
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
