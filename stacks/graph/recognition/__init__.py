"""What other projects write in their own ways: the labels of clouds, pods in custom resources, the arguments of vLLM."""
