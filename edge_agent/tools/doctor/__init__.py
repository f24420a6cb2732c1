"""``edge-agent doctor``: examines everything that a site needs, and says what is wrong and what to do.

Changes nothing. The checks are in ``checks/``: each gives ``check.Result``; the sentences, in English and
Vietnamese, are in ``words/``. See docs/guide/doctor.md.
"""
