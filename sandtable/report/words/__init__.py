"""What the page, the terminal and the summaries say alike: figures, metrics, sentences, and the parts of a graph."""
