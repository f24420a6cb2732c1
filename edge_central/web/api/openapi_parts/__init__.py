"""Parts of the OpenAPI document: one module for the paths of each subject, and others for the types of
events, names and examples."""
