"""Vendors: an impure fetch and a pure parse each. A new file with a `Source` in it is a new source."""
