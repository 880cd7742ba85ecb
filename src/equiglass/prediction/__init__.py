"""Predictions: what makes them, how good they are, and the folder that a model lives in.

predictor       the interface of every method
training_data   what a predictor remembers of its training configurations
ensemble        the average of several predictors
configuration   the settings that every method has
model_file      tensors and readable metadata in one file
run_folder      the files of a training
evaluation      scores of predictions
"""
