"""The gateway as a server: its life, its connections and bodies with their bounds, and its addresses."""
