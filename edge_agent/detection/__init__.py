"""Stage 3, detection: when the model runs on a frame, and what it finds there. The only home of LiteRT."""
