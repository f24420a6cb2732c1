"""What is measured in one frame for ``tamper``: small planes, sums over tiles, shifts. No verdict and no
history.
"""
