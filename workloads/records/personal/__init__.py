"""Data of persons, and the rights that they have over them.

``keys``        a key for each person; forgetting it erases what it seals, wherever copies of that lie (crypto-shredding)
``sealing``     AES-256-GCM over the personal part of events and snapshots
``consent``     consent given and withdrawn, as events
``processing``  what is done with personal data, why, and how long they are kept
``rights``      access, portability and erasure as commands, with the proof
``scan``        looks for bytes in files

Articles are those of Regulation (EU) 2016/679 (GDPR); each stands beside the code that keeps it. The code cannot keep what lies outside
of it: logs of the program, exported copies, blocks that a disk has not overwritten yet. Whether the law is kept as a whole is a
question for a lawyer.
"""
