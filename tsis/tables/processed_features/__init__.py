"""Information derived from raw data."""
