"""What taking shape and appearance apart gives: swapped looks, borrowed motion, parts with names."""
