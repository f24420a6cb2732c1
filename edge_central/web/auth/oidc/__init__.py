"""Sign-in through an OpenID Connect provider: its documents, the authorization code flow, the accounts of its
users. The libraries for it are loaded only if it is configured.
"""
