"""Pictures as inline SVG: one chart a file, no script, colours from the page's style sheet, readable without colour."""
