"""Byte-level BPE by kernels over Arrow buffers: the very ids of `tokenizers`, at many times its speed."""
