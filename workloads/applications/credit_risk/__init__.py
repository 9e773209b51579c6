"""Credit risk of several banks: compliance, training, a report on fairness and calibration, audit.

``fairness``     how the model treats two groups
``calibration``  whether predicted risks are the real ones
"""
