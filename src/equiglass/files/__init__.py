"""Files of the package: whole or absent."""

from equiglass.files.whole import FileError, reading, replacing, replacing_hdf5, store, write_text

__all__ = ["FileError", "reading", "replacing", "replacing_hdf5", "store", "write_text"]
