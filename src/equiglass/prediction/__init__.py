"""Models, their predictions, the scores of predictions, and the folder of a trained model.

model           the interface of every model, and its prediction
predictor       the interface of every method: a model that can be trained and saved
split           training and validation configurations, by their fingerprints
arrays          a predictor that consists of a few arrays
labels          the labels to learn, their noise and their weights
training_data   a summary of the training configurations
ensemble        the average of several predictors
combination     weights, offsets and uncertainty of an average
stacking        non-negative weights by least squares
configuration   the settings that every method has
model_file      tensors and readable metadata in one file
run_folder      the files of a training
published       predictions in the files of the configurations
evaluation      scores of predictions
"""
