"""What the centre may ask a box to do. See docs/design/commands.md."""
