"""How good it is: a linear map from parts to annotated landmarks, and the field's protocols."""
