"""Motion detectors compared on synthetic scenes with exact truth, and on real clips beside them."""
