"""Stage 4, tracking: follows objects over frames and votes on their labels. No clock, no thread, no I/O."""
