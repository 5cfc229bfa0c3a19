"""Decisions in market hours: the stages of the batch, stepped from their checkpoints over what is new in raw."""
