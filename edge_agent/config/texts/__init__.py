"""Messages of ``edge-agent check``, in English and Vietnamese. Nothing is checked here."""
