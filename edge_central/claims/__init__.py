"""Claims of boxes: stores them, says what does not fit, and gives them to the control machine, which signs
the answers. No key is here."""
