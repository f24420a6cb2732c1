"""Computes when pictures were taken, which frames are due, and when to read packets. Arithmetic only: no
thread, no clock.
"""
