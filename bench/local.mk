# Benchmarks are programs of their own: \`make bench\`.
