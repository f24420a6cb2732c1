"""The frozen settings for run-time code, and the keys of the file that set them: one module for each section.
Nothing here reads a file or merges layers."""
