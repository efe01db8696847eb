"""The /dev/push package: see ARCHITECTURE.md for the rooms of the house."""
