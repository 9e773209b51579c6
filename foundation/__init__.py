"""The lowest layer: measures, the wire, document formats, processes. It imports nothing from the layers above."""
