"""The environment, the Pulumi program that deploys it, the graph of its resources, and the clusters that it is deployed to."""
