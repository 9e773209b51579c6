"""What nodes and their use cost: the price book, and a graph held against it."""
