"""The cameras of a gateway as they run: builds each pipeline, and starts, changes and stops its threads. What
a frame means is decided in the stages, not here.
"""
