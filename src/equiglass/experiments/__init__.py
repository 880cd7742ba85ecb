"""The experiments of the paper: declared in short YAML files, carried out by one runner.

declaration   what an experiment is, read from its file
plan          configurations in groups and parts, the trainings that a declaration asks for
runs          the run folders, shared by all experiments; what is missing is trained
scores, history   measures: from trained networks to rows and figures
measures      the table of measures
results       tables and figures of an experiment, as files
"""
