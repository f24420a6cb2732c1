"""Stage 5, rules: decides what to report about the tracks of one camera. One file for each family of rules.
Rules make observations; events are made and stored elsewhere.
"""
