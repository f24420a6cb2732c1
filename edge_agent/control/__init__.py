"""What the agent does beside the spine: its main thread tends each of these about once a second."""
