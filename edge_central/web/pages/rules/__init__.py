"""Pages of a camera's rules: reports, conclusions, rehearsals of drafts, and the scene of an event. No page
arms a rule."""
