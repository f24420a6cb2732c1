"""Proposals: what the outcomes of alarms suggest to change in a rule. Nothing here changes a rule: an
operator rehearses the draft and signs the configuration.
"""
