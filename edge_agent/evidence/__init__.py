"""Pictures that go with events."""
