"""Stage 1, capture: connects to one camera, stamps its packets, keeps them in a ring and decodes what is
needed. It does not depend on motion, objects or events.
"""
