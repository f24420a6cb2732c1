"""Cases: what officers keep of searches under a case number, who may see it, and how it leaves the centre.
See docs/guide/cases.md."""
