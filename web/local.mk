# Sources of this floor.
# libweb_a_SOURCES += \
