"""One published result a file, in folders by subject; see :mod:`simulations.validation.row`."""
