# Sources of this floor.
# libmodel_a_SOURCES += \
