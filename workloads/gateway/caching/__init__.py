"""Answers that were given before: an exact cache bounded by bytes and age, and one call for many that ask the same at once."""
