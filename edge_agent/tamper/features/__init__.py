"""Measures what ``tamper`` needs: bands of detail, sums over tiles, shifts, light, rain and stillness. Makes
no verdict.
"""
