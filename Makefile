# refgraph: one non-recursive makefile. `make help` lists the targets.
#
#   O=DIR   another build folder        V=1   show the commands
#   SAN=address,undefined               sanitizers, analyzer only (a sanitizer replaces malloc: never in the shim)

O ?= build
PREFIX ?= /usr/local
DESTDIR ?=
V ?=
SAN ?=
CC ?= gcc
VERSION := 0.1.0

BINDIR = $(DESTDIR)$(PREFIX)/bin
LIBDIR = $(DESTDIR)$(PREFIX)/lib/refgraph
INCDIR = $(DESTDIR)$(PREFIX)/include
MANDIR = $(DESTDIR)$(PREFIX)/share/man
BASHDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions

Q := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-6s %s\n' $(1) $(2))

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wno-unused-parameter \
	-Wno-missing-field-initializers
CFLAGS ?= -O2 -g
BASE_CFLAGS := -std=gnu17 $(WARN) -D_GNU_SOURCE -DREFGRAPH_VERSION='"$(VERSION)"' -fno-strict-aliasing

# ---- the shim ---------------------------------------------------------------------------------------------------
SHIM_SRC := $(sort $(wildcard preload/*.c) $(wildcard preload/adapters/*.c) $(wildcard preload/hooks/*.c))
SHIM_OBJ := $(SHIM_SRC:%.c=$(O)/%.o)
# No PLT detours, TLS at a fixed offset, no stack protector (it reads TLS before TLS may exist), async unwind tables for
# the unwinder's own frames. No -fexceptions: pthread_cleanup_push would then need libgcc_s in every program.
SHIM_CFLAGS := $(BASE_CFLAGS) -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-plt -fno-stack-protector \
	-fasynchronous-unwind-tables -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free
# What stands in the way of hooked calls touches no vector register: preload/hooks/outside.h. Loops stay loops, and are no calls of memcpy.
GENERAL := $(addprefix $(O)/preload/,unwind_memo.o $(addprefix hooks/,around.o lives.o read.o record.o record_names.o roles.o slices.o tracked.o))
GENERAL_CFLAGS := $(if $(filter x86_64%,$(shell $(CC) -dumpmachine)),-mgeneral-regs-only) -fno-tree-loop-distribute-patterns
SHIM_LDFLAGS := -shared -Wl,-z,defs -Wl,-z,now -Wl,-z,relro -Wl,--version-script=preload/exports.map \
	-Wl,--exclude-libs,ALL -Wl,--gc-sections -Wl,-soname,librefgraph.so
SHIM_LIBS := -l:libzstd.a -ldl -lpthread

# ---- adapters that are compiled against a runtime's headers -------------------------------------------------------
# One module per build of PHP, named by what the engine states of itself. Without php-config everything else is built.
PHP_CONFIG ?= php-config
PHP_API := $(shell $(PHP_CONFIG) --phpapi 2>/dev/null)
PHP_SRC := $(sort $(wildcard preload/php/*.c))
PHP_OBJ := $(PHP_SRC:%.c=$(O)/%.o)
ifneq ($(PHP_API),)
PHP_HEADERS := $(shell $(PHP_CONFIG) --include-dir)
PHP_THREADS := $(if $(shell grep -s '^.define ZTS 1' $(PHP_HEADERS)/main/php_config.h),TS,NTS)
PHP_DEBUG := $(if $(shell grep -s '^.define ZEND_DEBUG 1' $(PHP_HEADERS)/main/php_config.h),-debug)
PHP_MODULE := $(O)/adapters/refgraph-php-API$(PHP_API)-$(PHP_THREADS)$(PHP_DEBUG).so
endif
PHP_CFLAGS := $(filter-out -Wshadow -Wstrict-prototypes,$(BASE_CFLAGS)) -fPIC -fvisibility=hidden -fno-plt \
	$(patsubst -I%,-isystem %,$(shell $(PHP_CONFIG) --includes 2>/dev/null))
PHP_LDFLAGS := -shared -Wl,-z,now -Wl,-z,relro -Wl,-soname,$(notdir $(PHP_MODULE))

# ---- the analyzer -----------------------------------------------------------------------------------------------
ANALYZER_SRC := $(sort $(wildcard analyzer/*.c) $(wildcard analyzer/*/*.c))
ANALYZER_OBJ := $(ANALYZER_SRC:%.c=$(O)/%.o)
ANALYZER_LIB_OBJ := $(filter-out $(O)/analyzer/main.o,$(ANALYZER_OBJ))
ANALYZER_CFLAGS := $(BASE_CFLAGS) -Ianalyzer -pthread $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer)
ANALYZER_LIBS := -lcgraph -lcdt -lzstd -ldw -lelf -lsqlite3 -lstdc++ -lpthread -lm

RULES := $(patsubst rules/%,$(O)/rules/%,$(sort $(wildcard rules/*.rules)))

# All processors, unless told otherwise.
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif

.PHONY: all php-missing check check-long bench demo lint format deps install uninstall clean help
.DELETE_ON_ERROR:
all: deps-check $(O)/refgraph $(O)/librefgraph.so $(PHP_MODULE) $(if $(PHP_MODULE),,php-missing) $(RULES)

# Objects, libraries and programs are rebuilt when the list of sources or the flags change, not only when a file does:
# these stamps change their time only with their text.
define stamp
$(1): FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' '$(subst ','\'',$(2))' | cmp -s - $$@ || printf '%s\n' '$(subst ','\'',$(2))' > $$@
endef
.PHONY: FORCE
FORCE:
$(eval $(call stamp,$(O)/.shim-flags,$(CC) $(CFLAGS) $(SHIM_CFLAGS) $(SHIM_LDFLAGS) $(SHIM_LIBS)))
$(eval $(call stamp,$(O)/.shim-sources,$(SHIM_SRC)))
$(eval $(call stamp,$(O)/.php-flags,$(CC) $(CFLAGS) $(PHP_CFLAGS) $(PHP_LDFLAGS) $(PHP_API)))
$(eval $(call stamp,$(O)/.php-sources,$(PHP_SRC)))
$(eval $(call stamp,$(O)/.analyzer-flags,$(CC) $(CFLAGS) $(ANALYZER_CFLAGS) $(ANALYZER_LIBS)))
$(eval $(call stamp,$(O)/.analyzer-sources,$(ANALYZER_SRC)))

$(SHIM_OBJ): $(O)/%.o: %.c $(O)/.shim-flags | deps-check
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(SHIM_CFLAGS) $(if $(filter $@,$(GENERAL)),$(GENERAL_CFLAGS)) -MMD -MP -c -o $@ $<

# What runs in threads that were stopped between any two instructions keeps to the registers that it can save.
$(O)/preload/park.o $(O)/preload/wake.o: SHIM_CFLAGS += -mgeneral-regs-only

$(O)/librefgraph.so: $(SHIM_OBJ) $(O)/.shim-sources preload/exports.map
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SHIM_LDFLAGS) -o $@ $(SHIM_OBJ) $(SHIM_LIBS)

$(PHP_OBJ): $(O)/%.o: %.c $(O)/.php-flags | deps-check
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(PHP_CFLAGS) -MMD -MP -c -o $@ $<

ifneq ($(PHP_MODULE),)
$(PHP_MODULE): $(PHP_OBJ) $(O)/.php-sources
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(PHP_LDFLAGS) -o $@ $(PHP_OBJ)
endif

$(ANALYZER_OBJ): $(O)/%.o: %.c $(O)/.analyzer-flags | deps-check
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(ANALYZER_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/refgraph: $(ANALYZER_OBJ) $(O)/.analyzer-sources
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(ANALYZER_CFLAGS) -o $@ $(ANALYZER_OBJ) $(ANALYZER_LIBS)

# Rules of reference counts: the shim looks for them in the folder beside itself.
$(RULES): $(O)/%: %
	@mkdir -p $(@D)
	$(Q)cp $< $@

php-missing:
	@echo 'no php-config (package php8.2-dev): built without the adapter for PHP' >&2

-include $(PHP_OBJ:.o=.d) $(SHIM_OBJ:.o=.d) $(ANALYZER_OBJ:.o=.d)
include tests/tests.mk

# ---- what a user runs -------------------------------------------------------------------------------------------
deps-check:
	@tests/tools/deps build
.PHONY: deps-check

deps:
	@tests/tools/deps all

demo: all
	@tests/tools/deps demo
	@samples/demo $(O)

install: all
	install -d $(BINDIR) $(LIBDIR)/rules $(INCDIR) $(MANDIR)/man1 $(MANDIR)/man5 $(MANDIR)/man7 $(BASHDIR)
	install -m 755 $(O)/refgraph $(BINDIR)/refgraph
	install -m 644 $(O)/librefgraph.so $(LIBDIR)/librefgraph.so
	install -m 644 $(RULES) $(LIBDIR)/rules/
	$(if $(PHP_MODULE),install -d $(LIBDIR)/adapters)
	$(if $(PHP_MODULE),install -m 644 $(PHP_MODULE) $(LIBDIR)/adapters/)
	install -m 644 include/refgraph.h $(INCDIR)/refgraph.h
	install -m 644 completion/refgraph.bash $(BASHDIR)/refgraph
	install -m 644 $(wildcard man/*.1) $(MANDIR)/man1/
	install -m 644 $(wildcard man/*.5) $(MANDIR)/man5/
	install -m 644 $(wildcard man/*.7) $(MANDIR)/man7/

uninstall:
	rm -f $(LIBDIR)/adapters/refgraph-php-*.so
	-[ ! -d $(LIBDIR)/adapters ] || rmdir $(LIBDIR)/adapters
	rm -f $(BINDIR)/refgraph $(LIBDIR)/librefgraph.so $(INCDIR)/refgraph.h $(BASHDIR)/refgraph
	rm -f $(patsubst man/%,$(MANDIR)/man1/%,$(wildcard man/*.1))
	rm -f $(patsubst man/%,$(MANDIR)/man5/%,$(wildcard man/*.5))
	rm -f $(patsubst man/%,$(MANDIR)/man7/%,$(wildcard man/*.7))
	rm -f $(patsubst rules/%,$(LIBDIR)/rules/%,$(wildcard rules/*.rules))
	-rmdir $(LIBDIR)/rules $(LIBDIR)

lint:
	@tests/tools/deps lint
	@tests/tools/lint

format:
	clang-format -i $(SHIM_SRC) $(PHP_SRC) $(ANALYZER_SRC) $(wildcard preload/*.h preload/adapters/*.h preload/hooks/*.h preload/php/*.h include/*.h analyzer/*/*.h)

clean:
	rm -rf $(O)

help:
	@echo 'make                 build/refgraph and build/librefgraph.so'
	@echo 'make demo            two leaky programs, their dumps, growth, chains and drawings (demo-out/)'
	@echo 'make check           every test; T=NAME runs those whose path contains NAME'
	@echo 'make check-long      soak, fuzzing, many seeds, whole foreign programs (an hour)'
	@echo 'make bench           overhead, pauses and analysis times beside plain runs and peers'
	@echo 'make lint            clang-format, clang-tidy, cppcheck'
	@echo 'make deps            install what building and testing need (apt-get)'
	@echo 'make install         DESTDIR= PREFIX=/usr/local;   make uninstall'
	@echo 'make clean           O=$(O)'
