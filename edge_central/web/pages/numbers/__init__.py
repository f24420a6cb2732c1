"""Pages of figures: counts of traffic, and the reports of a shift and a month."""
