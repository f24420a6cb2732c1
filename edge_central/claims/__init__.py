"""Claims of boxes: stores them, says what does not fit, and passes them to the control machine, which signs
the answers. The centre has no key for this."""
