"""Stage 3, detection: decides when the model runs on a frame, and what it finds. Only this package uses
LiteRT.
"""
