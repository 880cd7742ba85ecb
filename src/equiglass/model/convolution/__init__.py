"""The equivariant convolution: definition, implementations, and the layer that holds its weights."""
