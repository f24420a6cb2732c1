"""The pages of the monitoring room: each is a function of a ``Visit``. Queries are in ``console``, words in
``i18n``.
"""
