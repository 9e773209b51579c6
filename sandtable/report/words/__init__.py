"""Words shared by the page, the terminal and the summaries: figures, metrics, sentences, and the parts of a graph."""
