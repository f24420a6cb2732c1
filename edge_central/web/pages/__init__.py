"""The pages of the monitoring room. Each page is a function of a ``RequestContext``. ``console`` has the
queries, ``i18n`` the texts."""
