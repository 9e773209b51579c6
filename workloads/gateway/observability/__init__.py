"""What the gateway shows of itself: series and spans. No prompt and no key is in either unless the configuration asks for content."""
