# Sources of this floor.
# libserver_a_SOURCES += \
