"""What every floor stands on and nobody else's subject: measures, the wire, formats of documents, processes. Imports nothing from above."""
