"""Pages with numbers: counts of traffic, and the reports of a shift and a month."""
