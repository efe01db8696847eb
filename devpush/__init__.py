"""The /dev/push package: see ARCHITECTURE.md for the rooms of the house."""

__version__ = "0.4.0"
