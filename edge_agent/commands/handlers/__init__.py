"""Where the agent is commanded: which commands there are, and what of cameras, evidence and box they use."""
