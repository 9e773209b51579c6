"""What every floor builds on: measures, the wire, formats of documents, processes. Imports nothing from above."""
