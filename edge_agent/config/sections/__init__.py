"""One file for each section: its fields, its checks, and how its settings are built. No file is read here."""
