"""Pages of the papers of a case: files and notes, altered copies, and the minutes of a handover of data."""
