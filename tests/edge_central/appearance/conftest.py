"""The connection of the searches' tests, to a city that can be searched."""

from tests.edge_central.searches.conftest import connection

__all__ = ["connection"]
