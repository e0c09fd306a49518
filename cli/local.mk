narthex_SOURCES += cli/main.c
# Some base code is C++ (base/num_text.cc), so the link needs its runtime.
nodist_EXTRA_narthex_SOURCES = cli/link_as_cxx.cc
