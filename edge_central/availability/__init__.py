"""When each gateway and camera worked, and why it did not: intervals that the ingest stores, and their
reports."""
