"""The page on which a model can be tried, and its JSON API."""
