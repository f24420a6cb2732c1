"""``make run``: a real clip through the real agent to a real broker, with a live view."""
