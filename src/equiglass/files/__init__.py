"""Files of the package: whole or absent."""

from equiglass.files.whole import decoding, reading, replacing, replacing_hdf5, store, write_text

__all__ = ["decoding", "reading", "replacing", "replacing_hdf5", "store", "write_text"]
