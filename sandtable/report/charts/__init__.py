"""Charts as inline SVG: one a file, no script, colours from the page's style sheet, readable without colour."""
