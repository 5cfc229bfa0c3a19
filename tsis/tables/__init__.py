"""The declared tables: one file a table, one folder a zone."""
