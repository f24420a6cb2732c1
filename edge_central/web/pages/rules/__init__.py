"""Pages of a camera's rules: reports, conclusions, and rehearsals of drafts. No page arms a rule."""
