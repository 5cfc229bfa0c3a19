"""Contracts that the rest of the house is built on. Imports nothing else of tsis."""
