"""What several test files need: configurations, files, the command line in this process."""
