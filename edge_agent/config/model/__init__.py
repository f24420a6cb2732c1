"""The frozen settings for run-time code, and parsers of addresses. No YAML and no defaults of files are
here."""
