"""Proposals: changes of a rule that the outcomes of its alarms suggest. Nothing here changes a rule: an
operator rehearses the draft and signs the configuration."""
