"""Pages of a camera's rules: reports, conclusions, rehearsals of drafts, the command that puts a draft in
force, and the scene of an event. No page changes a rule by itself."""
