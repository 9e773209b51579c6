"""A stack from its program to the cluster: read, priced, held against the policies, deployed and removed."""
