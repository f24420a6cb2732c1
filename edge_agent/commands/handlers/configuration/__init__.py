"""Commands that show or change the configuration: all of it, or one rule; and the trial of a change."""
