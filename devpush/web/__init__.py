"""The doors in: one blueprint a resource."""
