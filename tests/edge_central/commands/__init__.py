"""Commands that officers send from the console."""
