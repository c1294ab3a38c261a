/*
 * tls.c - where threads have the thread-local variables of modules, in the walker.
 *
 * In the ABI for thread-local storage (Drepper, "ELF Handling For Thread-Local Storage", x86-64: variant II) the second word at the
 * thread pointer leads to a vector: for each module with such variables, by the loader's number, the address of the thread's
 * copy. glibc's entries are two words, and all ones stand for a copy that nobody has asked for yet. What a library that came by
 * dlopen has is made by malloc, for each thread when it first asks.
 */
#include "walk.h"

#define BLOCKS_MAX 65536u

static bool word(struct walk *w, uintptr_t address, uintptr_t *value)
{
	if (address < 4096 || (address & 7) || memory_readable(&w->map, address, 8) != 8)
		return false;
	*value = *(const uintptr_t *)address;
	return true;
}

static void add(struct walk *w, uint32_t thread, uintptr_t vector, uint32_t module)
{
	const struct module *m = modules_get(module);
	uintptr_t address;

	if (m->unloaded || m->own || !m->tls_id || !m->tls_size || w->tls_count == BLOCKS_MAX)
		return;
	if (!word(w, vector + 16 * m->tls_id, &address) || address + 1 < 4096 ||
	    memory_readable(&w->map, address, m->tls_size) != m->tls_size)
		return;
	w->tls[w->tls_count++] = (struct tls_block){thread, module, address, m->tls_size};
}

uintptr_t tls_vector(struct walk *w, const struct frozen_thread *thread)
{
	uintptr_t self, vector;

	/* the control block begins with its own address */
	if (thread->state == RGD_THREAD_HELPER || !word(w, thread->thread_pointer, &self) ||
	    self != thread->thread_pointer || !word(w, self + 8, &vector))
		return 0;
	return vector;
}

static void find(struct walk *w)
{
	const struct frozen_thread *threads;
	size_t n = frozen_threads(&threads);

	w->tls = w->map.known ? pool_map(&w->pool, BLOCKS_MAX * sizeof *w->tls) : NULL;
	for (size_t i = 0; w->tls && i < n; i++) {
		uintptr_t vector = tls_vector(w, &threads[i]), length;

		/* before the vector's first entry stands how many it has */
		if (!vector || !word(w, vector - 16, &length))
			continue;
		for (uint32_t m = 0; m < modules_count(); m++)
			if (modules_get(m)->tls_id <= length)
				add(w, (uint32_t)i, vector, m);
	}
}

bool tls_holds(const struct walk *w, uint32_t thread, uintptr_t address)
{
	uint32_t low = 0, high = w->tls_count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (w->tls[middle].thread < thread)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < w->tls_count && w->tls[low].thread == thread; low++)
		if (address - w->tls[low].address < w->tls[low].size)
			return true;
	return false;
}

void walk_tls(struct walk *w)
{
	static const struct column_spec columns[] = {
		{RGD_TLS_THREAD, RGD_ENC_VARINT},
		{RGD_TLS_MODULE, RGD_ENC_VARINT},
		{RGD_TLS_ADDRESS, RGD_ENC_U64},
		{RGD_TLS_SIZE, RGD_ENC_VARINT},
		{0, 0},
	};
	struct table table = {0};

	find(w);
	if (!table_open(&w->writer, &table, RGD_SEC_TLS, columns, 4096))
		return;
	for (uint32_t i = 0; i < w->tls_count; i++) {
		column_put(&table.column[0], w->tls[i].thread);
		column_put(&table.column[1], w->tls[i].module);
		column_put(&table.column[2], w->tls[i].address);
		column_put(&table.column[3], w->tls[i].size);
		table_row(&w->writer, &table);
	}
	table_close(&w->writer, &table);
}
