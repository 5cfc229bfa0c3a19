"""TSIS, the Trading Scientific Intelligence System: a lakehouse for trading research that also trades."""

__version__ = "0.1.0"
