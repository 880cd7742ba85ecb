"""The equivariant convolution: its definition, its implementations, and the layer with its weights."""
