"""Fixtures that all tests share."""

from demo import demo_lake

__all__ = ["demo_lake"]
