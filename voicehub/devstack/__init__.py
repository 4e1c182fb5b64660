"""A real Postgres, Redis and S3 server from pip packages, for `voicehub dev` and the tests."""

from voicehub.devstack.server import StackError
from voicehub.devstack.stack import Stack

__all__ = ["Stack", "StackError"]
