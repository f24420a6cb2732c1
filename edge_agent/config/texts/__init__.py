"""What ``edge-agent check`` says, in English and Vietnamese. Nothing is checked here."""
