"""The pages of the monitoring room: each is a function of a ``RequestContext``. Queries are in ``console``,
words in ``i18n``.
"""
