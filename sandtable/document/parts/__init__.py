"""What documents are made of: outcomes, costs, judgements, findings, the load."""
