# Sources of this floor.
# libquery_a_SOURCES += \
