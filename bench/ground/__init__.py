"""How exact speeds on a ground plane are: drawn scenes with a known camera, and real clips."""
