"""A stack from its program to the cluster: read, priced, checked against the policies, deployed and removed."""
