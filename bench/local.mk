# Benchmarks are programs of their own: \`make bench\`.
EXTRA_PROGRAMS += bench/bench_chunk
bench_bench_chunk_SOURCES = bench/bench_chunk.c
bench_bench_chunk_LDADD = $(FLOORS) $(THIRD_LIBS) -lstdc++
EXTRA_PROGRAMS += bench/bench_num
bench_bench_num_SOURCES = bench/bench_num.c
bench_bench_num_LDADD = $(FLOORS) $(THIRD_LIBS) -lstdc++
EXTRA_PROGRAMS += bench/bench_block
bench_bench_block_SOURCES = bench/bench_block.c
bench_bench_block_LDADD = $(FLOORS) $(THIRD_LIBS) -lstdc++
EXTRA_PROGRAMS += bench/bench_fn
bench_bench_fn_SOURCES = bench/bench_fn.c
bench_bench_fn_LDADD = $(FLOORS) $(THIRD_LIBS) -lstdc++
EXTRA_PROGRAMS += bench/bench_query
bench_bench_query_SOURCES = bench/bench_query.c
bench_bench_query_LDADD = $(FLOORS) $(THIRD_LIBS) -lstdc++
EXTRA_PROGRAMS += bench/bench_load
bench_bench_load_SOURCES = bench/bench_load.c bench/fleet.c bench/fleet.h
bench_bench_load_LDADD = $(FLOORS) $(THIRD_LIBS) -lstdc++

# The comparison with Prometheus and VictoriaMetrics; see bench/README.md.
bench: narthex bench/bench_load
	python3 $(top_srcdir)/bench/compare.py --narthex ./narthex --load bench/bench_load $(BENCH_FLAGS)
EXTRA_DIST += bench/compare.py
EXTRA_PROGRAMS += bench/bench_storage
bench_bench_storage_SOURCES = bench/bench_storage.c
bench_bench_storage_LDADD = $(FLOORS) $(THIRD_LIBS) -lstdc++
EXTRA_PROGRAMS += bench/bench_scrape
bench_bench_scrape_SOURCES = bench/bench_scrape.c
bench_bench_scrape_LDADD = $(FLOORS) $(THIRD_LIBS) -lstdc++
