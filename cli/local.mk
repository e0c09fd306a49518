narthex_SOURCES += cli/main.c
narthex_SOURCES += cli/test_promql.c cli/tsdb_list.c
narthex_SOURCES += cli/args.c cli/check.c cli/check_rules.c cli/check_alertmanager.c cli/check_web.c
# Some base code is C++ (base/num_text.cc), so the link needs its runtime.
nodist_EXTRA_narthex_SOURCES = cli/link_as_cxx.cc
narthex_SOURCES += cli/serve.c cli/serve.h cli/serve_reload.c cli/default_config.c cli/default_config.h cli/command.h cli/command.def
