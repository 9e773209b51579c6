"""What the commands besides ``rehearse`` answer with, one document a command."""
