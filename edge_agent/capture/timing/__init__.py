"""When packets came, when their pictures were taken, and which of them are due. Arithmetic only: no thread,
no clock.
"""
