"""The environment, the Pulumi program that deploys it, the graph that it becomes and the clusters that it lands on."""
