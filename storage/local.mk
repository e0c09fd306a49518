# Sources of this floor.
# libstorage_a_SOURCES += \
