"""What is worth telling about the tracks of one camera. One file a family of rules."""
