"""A drawn city of streets with cameras: which travel times are learnt, and how right they are."""
