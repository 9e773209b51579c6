"""What lets teams ask for infrastructure through the API."""
