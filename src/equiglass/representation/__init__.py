"""The representation that a network learns, and what can be made of it.

represent        |h| of every particle, and the networks of a model
file             the representation as a file
decoders         the linear read-out as lines on |h|; its refit
transfer         transfer test and transfer learn between temperatures
clusters         principal components and Gaussian clusters: locally favoured structures
order_parameter  all of this, measured on configurations
"""
