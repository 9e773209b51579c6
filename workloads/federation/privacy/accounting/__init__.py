"""Epsilon of a sequence of releases.

``releases``     what is accounted: Gaussian noise, Poisson-sampled or not, and concentrated mechanisms
``accountant``   the interface; every accountant returns an upper bound
``exact``        the Gaussian mechanism on all units, to rounding
``rdp``          Rényi divergences: looser, and needs nothing but the standard library
``pld``          privacy loss distributions by Google's ``dp-accounting`` (dependency group ``federation``): the default
``calibration``  the least noise, and the most releases, within a budget
"""
