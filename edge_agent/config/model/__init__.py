"""The frozen settings that run-time code reads, and addresses taken apart. No YAML, no defaults of files."""
