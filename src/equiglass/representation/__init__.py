"""The representation that a network learns, and its analysis.

represent        |h| of every particle, and the networks of a model
file             the file of a representation
decoders         the linear read-out of a model, and its refit
transfer         transfer between temperatures, with and without a refit of the read-out
clusters         principal components and Gaussian clusters: locally favoured structures
order_parameter  representation, structures and read-out of a set of configurations
"""
