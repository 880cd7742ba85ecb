"""Files: how they are read and written. A file that the package writes is complete or absent.

whole      reading with one sentence per failure, writing by renaming a temporary file
settings   settings from YAML files and ``key=value`` words, validated
tables     data frames of results: medians over seeds, CSV, JSON, Markdown
target     whether a file or folder can be written, checked before any work
partial    results of finished configurations until all are finished
registry   the modules of a folder by name: methods, node inputs, targets, formats
"""

from equiglass.files.whole import decoding, reading, replacing, replacing_hdf5, store, write_arrays, write_text

__all__ = ["decoding", "reading", "replacing", "replacing_hdf5", "store", "write_arrays", "write_text"]
