# How the tests are built and run. A test is an executable file tests/<area>/<name>.sh or tests/<area>/<name>.py, or a
# program tests/unit/<name>_test.c; tests/run finds them. Each prints "ok NAME", "not ok NAME: why" or
# "skip NAME: why", one line a case, and the run ends with "N passed, N failed".

UNIT_SRC := $(sort $(wildcard tests/unit/*_test.c))
UNIT_BIN := $(UNIT_SRC:%.c=$(O)/%)

# Unit tests see the analyzer without main, or (shim_*_test.c) what they name themselves by #include.
$(O)/tests/unit/shim_%_test: tests/unit/shim_%_test.c $(O)/.shim-flags $(wildcard preload/*.h preload/*.c preload/*/*.h preload/*/*.c)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(BASE_CFLAGS) -Wno-missing-prototypes -Ipreload -o $@ $< -lzstd -ldl -lpthread $(shell sed -n 's|^// LIBS: ||p' $<)

$(O)/tests/unit/%_test: tests/unit/%_test.c $(ANALYZER_LIB_OBJ)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(ANALYZER_CFLAGS) -Wno-missing-prototypes -o $@ $< $(ANALYZER_LIB_OBJ) $(ANALYZER_LIBS)

# The steps of the analysis, timed one by one; and what must hold of their results on large graphs.
$(O)/tests/bench/phases $(O)/tests/bench/properties: $(O)/%: %.c $(ANALYZER_LIB_OBJ)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(ANALYZER_CFLAGS) -o $@ $< $(ANALYZER_LIB_OBJ) $(ANALYZER_LIBS)

# Makers of dumps: tests/tools/NAME.c and tests/bench/gen.c, on top of tests/tools/rgd_*.c, a second writer of the
# format that shares no code with ours.
TOOL_BIN := $(patsubst %.c,$(O)/%,$(filter-out tests/tools/rgd_%,$(sort $(wildcard tests/tools/*.c) $(wildcard tests/bench/gen.c))))
$(TOOL_BIN): $(O)/%: %.c $(wildcard tests/tools/rgd_*.c tests/tools/rgd_*.h) include/refgraph_dump.h
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(BASE_CFLAGS) -Itests/tools -o $@ $< $(filter tests/tools/rgd_%.c,$^) -lzstd

check: all
	@tests/tools/deps check
	@$(MAKE) --no-print-directory O=$(O) check-built
check-built: $(UNIT_BIN) $(TOOL_BIN)
	@tests/run $(O) $(T)
check-long: all $(O)/tests/bench/properties
	@tests/tools/deps long
	@$(MAKE) --no-print-directory O=$(O) check-built
	@tests/run --long $(O) $(T)
bench: all $(O)/tests/bench/gen $(O)/tests/bench/phases
	@tests/tools/deps bench
	@tests/bench/run $(O) $(T)
.PHONY: check-built
