"""Pictures of a camera's main stream, which is not decoded otherwise: of rule events, and on request."""
