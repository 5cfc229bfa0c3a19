"""Events, labels and the weights of labels."""
