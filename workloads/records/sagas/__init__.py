"""Sagas: steps across several streams or services that all happen, or are all compensated."""
