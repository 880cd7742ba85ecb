"""The experiments of the paper: declared in short YAML files, carried out by one runner.

declaration         what an experiment is, read from its file; `base.yaml` is where its variants start
published           numbers of others
plan                configurations in groups and parts, and the trainings that a declaration asks for
runs                the run folders, shared by all experiments; what is missing is trained
joined              predictions of all test configurations, joined over folds and over models of one time
propensity_fields   measured, predicted and transfer-learned propensities of test configurations
measures            from trained models to rows, table and figures: one module per measure
results             an experiment as files
experiment          all of it, one after the other
demo                the experiment of `equiglass demo`
"""
