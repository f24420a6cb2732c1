"""The web server of the centre: the console for people, and ``/api`` for programs.

It is a separate process, ``edge-agent central console``: it reads the database that the ingest writes, and
never delays the ingest. From the outside in: ``server.py`` (sockets, TLS, slow clients) -> ``app.py``
(routes) -> ``request_handler.py`` (authentication, authorisation, thread) -> a page: a function from a
``RequestContext`` to a response. See docs/design/central-web.md.
"""
