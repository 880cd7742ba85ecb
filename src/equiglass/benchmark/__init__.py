"""What the package costs in time and memory, against others, in one run on one machine."""
