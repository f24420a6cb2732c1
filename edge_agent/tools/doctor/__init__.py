"""``edge-agent doctor``: examines everything that a site needs, and says what is wrong and what to do. It
changes nothing.

The checks in ``checks/`` return ``check.CheckResult``; the sentences, in English and Vietnamese, are in
``words/``. See docs/guide/doctor.md.
"""
