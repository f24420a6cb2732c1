"""Programs for people beside the daemon, one folder for each command. The running agent imports none of
them."""
