"""The gateway as a server: lifecycle, limits on connections and bodies, and paths."""
