"""Claims of boxes: stores them, says what does not fit, gives them to the control machine; no key is here."""
