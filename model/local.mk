# libmodel_a_SOURCES += … one line a module.
libmodel_a_SOURCES += model/labels.c model/labels.h
libmodel_a_SOURCES += model/matcher.c model/matcher.h
libmodel_a_SOURCES += model/relabel.c model/relabel.h
libmodel_a_SOURCES += model/escape.c model/escape.h
