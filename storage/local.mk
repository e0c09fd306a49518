libstorage_a_SOURCES += storage/chunk.c
libstorage_a_SOURCES += storage/chunk_bits.c
libstorage_a_SOURCES += storage/chunk_xor.c
libstorage_a_SOURCES += storage/chunk_xor2.c
libstorage_a_SOURCES += storage/chunk_histogram.c
libstorage_a_SOURCES += storage/chunk_histogram_append.c
