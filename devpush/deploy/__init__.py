"""The verbs: what becomes of a push."""
