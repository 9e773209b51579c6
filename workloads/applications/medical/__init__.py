"""Tumours, benign or malignant: hospitals train together, and the model is released only if it meets its criteria.

``hospitals``   who may take part
``criteria``    what the model must reach before it is released
"""
