"""Readers of annotated sets in the formats of other tools, one module a format."""
