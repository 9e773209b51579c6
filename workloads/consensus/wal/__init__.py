"""The write-ahead log: what must survive a crash.

``records``    records with checksums as bytes: encoding, decoding, torn ends
``files``      the files of a folder, as a port
``snapshots``  snapshots as files
``storage``    one member's disk: segments, group commit, recovery
"""
