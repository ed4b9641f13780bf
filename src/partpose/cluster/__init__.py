"""Prediction on many machines: a plan of shards, workers that predict one at a time, and what joins their files."""
