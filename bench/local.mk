# Benchmarks are programs of their own: \`make bench\`.
EXTRA_PROGRAMS += bench/bench_chunk
bench_bench_chunk_SOURCES = bench/bench_chunk.c
bench_bench_chunk_LDADD = $(FLOORS) $(THIRD_LIBS) -lstdc++
