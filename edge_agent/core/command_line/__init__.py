"""What all commands share: the parser with its rules for options, and the exit codes. No command is here."""
