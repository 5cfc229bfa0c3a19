"""The store: immutable Parquet files, manifests that name them, snapshots that name the manifests."""

from tsis.lake.store import Lake

__all__ = ["Lake"]
