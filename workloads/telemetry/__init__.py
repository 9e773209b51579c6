"""Names of what is observed, shared by the programs that expose it and the stack that reads it. Imports nothing."""
