"""Journeys of objects from camera to camera: travel times learnt from pairs of cameras, and the code that
uses them."""
