"""Is what clients saw possible on one copy that does one thing at a time? Linearizability of recorded histories.

``history``          operations with the moments of their call and their return
``key_value``        what one key of a store may answer
``linearizability``  the search for an order, and its verdict
"""
