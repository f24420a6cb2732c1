"""Stage 5, rules: what is worth reporting about the tracks of one camera. One file a family of rules. No
event is made here, and nothing is stored.
"""
