"""The experiments of the paper: declared in short YAML files, carried out by one runner.

declaration   what an experiment is, read from its file
plan          configurations in groups and parts, and the trainings that a declaration asks for
runs          the run folders, shared by all experiments; what is missing is trained
measured      what a measure gives
curves        published curves
fields        measured, predicted and transfer-learned propensities of test configurations
scores, history, fluctuations, spatial, methods, temperatures   measures: from networks to rows, table and figures
measures      the table of measures
results       an experiment as files
experiment    all of it in a row
"""
