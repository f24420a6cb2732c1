from tests.agent.conftest import walker

__all__ = ["walker"]
