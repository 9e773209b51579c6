"""Homomorphic encryption as another way to hide updates: CKKS (Cheon, Kim, Kim and Song 2017) by TenSEAL, which uses Microsoft SEAL.

A key holder makes the keys and keeps the secret one. Clients encrypt; the server adds ciphertexts and cannot read them; the key holder
decrypts the sum. Needs the dependency group ``federation-homomorphic``.

Where secure aggregation needs several steps and enough clients to stay, this needs one message, and no other client. The price is trust in
the key holder, and twenty times the bytes. What it does not protect from:

* The key holder together with the server, or with anyone who has ciphertexts: it can read every update. It also has to believe the server
  how many updates a sum has.
* Whoever sees the exact decrypted sum and the ciphertexts: the rounding errors of CKKS reveal the secret key bit by bit (Li and Micciancio
  2021). Add noise to what is decrypted before it goes to anyone else; :class:`KeyHolder` rounds it, which does not replace noise.
* Clients that encrypt anything they like: there is no proof.

``ckks``   the three roles
"""
