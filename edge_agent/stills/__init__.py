"""Pictures of a camera's main stream, which is not decoded otherwise: of rule events, and on request. Nothing here
runs on a pipeline's thread but a note of where each object was."""
