"""Models in numpy with flat parameters.

``network``  a network of dense layers with softmax: logistic regression, small networks, embeddings of words
"""
