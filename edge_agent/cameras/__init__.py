"""The running cameras of a gateway: builds each pipeline, and starts, changes and stops its threads. What a
frame means is decided in the stages, not here.
"""
