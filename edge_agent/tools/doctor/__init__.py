"""``edge-agent doctor``: looks at everything a site needs, and says what is wrong and what to do.

Changes nothing. One file a family of checks: each gives ``check.Result``; the sentences, in English and
Vietnamese, are in ``words/``. See docs/guide/doctor.md.
"""
