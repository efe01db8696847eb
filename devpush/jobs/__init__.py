"""Time: what runs beside the requests."""
