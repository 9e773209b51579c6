"""The noise itself, drawn from the system's cryptographic generator.

``discrete_gaussian``  exact samples, without the leaks of floating point
``distributed``        each client's part of the noise of a secure sum, and what the sum costs
"""
