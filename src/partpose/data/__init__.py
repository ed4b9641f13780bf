"""What goes in: pictures, videos, annotated sets. Knows no model and needs no torch."""
