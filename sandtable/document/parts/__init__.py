"""The parts of the documents: outcomes, costs, findings, the load."""
