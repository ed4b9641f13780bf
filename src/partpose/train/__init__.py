"""How it learns: two views of a picture, one step, the loop around it, and the health of the parts."""
