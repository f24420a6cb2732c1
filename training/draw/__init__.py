"""Draws persons, two-wheelers with riders, and other things of a street, to paste into training windows.

Lengths in metres; x to the left of a person, y to the back, z up. Angles in degrees. Colours red, green,
blue, 0..1.
"""
