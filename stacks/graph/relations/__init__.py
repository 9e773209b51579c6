"""How objects refer to each other: labels that select, controllers that own, traffic that policies allow."""
