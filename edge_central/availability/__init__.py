"""When each gateway and camera worked, and why it did not work: the ingest stores intervals, and reports read
them."""
