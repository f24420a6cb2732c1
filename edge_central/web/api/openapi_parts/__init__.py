"""Parts of the OpenAPI document: the paths of one subject each, the types of events, names and examples."""
