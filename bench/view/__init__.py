"""What is done to a camera and what merely happens before it, made from real clips, with exact truth."""
