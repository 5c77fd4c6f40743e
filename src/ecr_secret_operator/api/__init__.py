"""What users write: the fields of the custom resources, their rules and defaults. Pure."""
