"""Which gateway and camera worked when, and why not: intervals that the ingest stores, and the reports made
from them."""
