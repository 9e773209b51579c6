"""Messages between the programs of a federation.

``codec``, ``shapes``   messages as bytes, one encoding each
"""
