"""Personal data, and the rights of the data subjects.

``keys``        a key for each person; destroying it erases what it seals, wherever copies are (crypto-shredding)
``sealing``     AES-256-GCM over the personal part of events and snapshots
``consent``     consent given and withdrawn, as events
``processing``  what is done with personal data, why, and how long they are kept
``rights``      access, portability and erasure as commands, with the proof
``scan``        looks for bytes in files

Articles are those of Regulation (EU) 2016/679 (GDPR); each is cited next to the code that implements it. The code does not cover logs of
the program, exported copies, or blocks that a disk has not overwritten yet. Overall compliance is a question for a lawyer.
"""
