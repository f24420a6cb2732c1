"""The parts that messages are made of: base types, and the ``data`` of each event. No envelope, no topic."""
