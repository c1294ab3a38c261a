/* site_counts.c - see site_counts.h. Counters are added to atomically; what the peaks say is exact for one thread, and for several as exact
 * as the order of their additions. */
#include "site_counts.h"

#define CHUNK_SHIFT 8
#define CHUNK (1u << CHUNK_SHIFT)
#define CHUNKS 16384u

static struct site_count *_Atomic chunks[CHUNKS];
static uint64_t total, total_peak, peak_number;

static struct site_count *count_of(uint32_t frame, bool make)
{
	struct site_count *chunk, *other = NULL;

	if (frame >> CHUNK_SHIFT >= CHUNKS)
		return NULL;
	chunk = atomic_load_explicit(&chunks[frame >> CHUNK_SHIFT], memory_order_acquire);
	if (unlikely(!chunk)) {
		chunk = make ? arena_alloc(CHUNK * sizeof *chunk) : NULL;
		if (!chunk)
			return NULL;
		/* who loses this race leaves its chunk unused */
		if (!atomic_compare_exchange_strong_explicit(&chunks[frame >> CHUNK_SHIFT], &other,
							     chunk, memory_order_acq_rel,
							     memory_order_acquire))
			chunk = other;
	}
	return &chunk[frame & (CHUNK - 1)];
}

static struct site_count *site_of(const struct live_block *block)
{
	uint32_t stack = block->stack & LIVE_STACK_NUMBER;

	return stack ? count_of(stack_frame_of(stack), true) : NULL;
}

static uint64_t add(uint64_t *counter, uint64_t n)
{
	return __atomic_add_fetch(counter, n, __ATOMIC_RELAXED);
}

static uint64_t get(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void set(uint64_t *counter, uint64_t value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

/* True when the value is the highest so far. */
static bool raise(uint64_t *most, uint64_t value)
{
	uint64_t old = get(most);

	while (value > old)
		if (__atomic_compare_exchange_n(most, &old, value, true, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

static void note_peak(struct site_count *s, uint64_t number)
{
	set(&s->at_blocks, get(&s->blocks));
	set(&s->at_bytes, get(&s->bytes));
	set(&s->at, number);
}

/* Before a site changes: it was as it is now since it last changed. */
static void catch_up(struct site_count *s)
{
	uint64_t number = get(&peak_number);

	if (number != get(&s->at))
		note_peak(s, number);
}

static void live_more(struct site_count *s, uint64_t size)
{
	catch_up(s);
	raise(&s->peak_blocks, add(&s->blocks, 1));
	raise(&s->peak_bytes, add(&s->bytes, size));
	if (raise(&total_peak, add(&total, size)))
		note_peak(s, add(&peak_number, 1));
}

void site_count_made(struct thread *t, const struct live_block *block)
{
	struct site_count *s = site_of(block);

	if (t)
		t->last_made = block->address;
	if (!s) {
		raise(&total_peak, add(&total, block->size));
		return;
	}
	add(&s->made, 1);
	add(&s->made_bytes, block->size);
	live_more(s, block->size);
}

void site_count_gone(struct thread *t, const struct live_block *block)
{
	uint32_t age = atomic_load_explicit(&epoch_now, memory_order_relaxed) - block->epoch;
	struct site_count *s = site_of(block);
	bool temporary = t && t->last_made == block->address;

	if (t)
		t->last_made = 0;
	add(&total, -block->size);
	if (!s)
		return;
	catch_up(s);
	add(&s->blocks, -1ull);
	add(&s->bytes, -block->size);
	if (age < 2)
		add(&s->gone[age], 1);
	if (temporary)
		add(&s->temporary, 1);
}

void site_count_back(const struct live_block *block)
{
	uint32_t age = atomic_load_explicit(&epoch_now, memory_order_relaxed) - block->epoch;
	struct site_count *s = site_of(block);

	if (!s) {
		add(&total, block->size);
		return;
	}
	if (age < 2)
		add(&s->gone[age], -1ull);
	live_more(s, block->size);
}

bool site_count_get(uint32_t frame, struct site_count *ret)
{
	struct site_count *s = count_of(frame, false);

	if (!s || !s->made)
		return false;
	catch_up(s); /* in a copy that is nobody else's */
	*ret = *s;
	return true;
}

uint64_t site_count_peak(void)
{
	return total_peak;
}
