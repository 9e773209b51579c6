"""Linearizability of recorded histories: could a single copy that executes one operation at a time have given these results?

``history``          operations with the moments of their call and their return
``key_value``        what one key of a store may answer
``recording``        clients of a real store, and the history they saw
``logs``             histories that others have recorded
``linearizability``  the search for an order, and its verdict
"""
