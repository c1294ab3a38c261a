/*
 * cpython_stacks.c - the Python frame that allocates, read from the thread state without calling the interpreter and without
 * taking a reference.
 *
 * A place (code object and instruction) is turned into text once. Code objects die and their addresses are used again, so a
 * remembered place is believed only while the code at that address still has the same name, file and first line.
 */
#include "cpython.h"

#define PLACES 8192 /* direct-mapped */
#define DEPTH_MAX 128
struct place_row {
	uintptr_t code, name, file;
	int32_t instruction;
	uint32_t first_line;
	uint32_t frame;	    /* host's number + 1; 0 = no frame to show (line unknown) */
	uint32_t one_frame; /* host's number of the stack of this frame alone, 0 not asked yet */
};
static struct place_row *places;

/* What is read for every block, together. */
static struct {
	int32_t first,
		second; /* from the thread state to the frame, by one or (second >= 0) two pointers */
	int32_t previous, code, instruction, owner, code_start;
	int32_t name, file, first_line;
	bool object; /* frames are objects (3.8-3.10) */
} hot;

static void hot_init(void)
{
	const struct layout *at = python.at;
	hot.object = python.minor <= 10;
	hot.first = hot.object		 ? at->tstate_frame
		    : python.minor >= 13 ? at->tstate_current_frame
					 : at->tstate_cframe;
	hot.second = python.minor >= 11 ? at->cframe_current_frame : -1;
	hot.previous = hot.object ? at->frame_back : at->iframe_previous;
	hot.code = hot.object ? at->frame_code : at->iframe_code;
	hot.instruction = hot.object ? at->frame_lasti : at->iframe_instruction;
	hot.owner = at->iframe_owner;
	hot.code_start = at->code_adaptive;
	hot.name = at->code_name;
	hot.file = at->code_filename;
	hot.first_line = at->code_firstlineno;
}

static inline int instruction_of(uintptr_t frame, uintptr_t code)
{
	if (likely(!hot.object))
		return (int)(word_at(frame, hot.instruction) - code) - hot.code_start;
	int last = (int)half_at(frame, hot.instruction);
	return python.minor == 10 ? last * 2 : last;
}

static uint32_t name_place(uintptr_t code, int instruction)
{
	char function[256], file[1024];
	const struct layout *at = python.at;
	if (type_of(code) != python.type_code) /* 3.13: a frame that only calls __init__ */
		return 0;
	int line = python.api.line_of(code, instruction);
	if (line <= 0)
		return 0;
	text_of(word_at(code, python.minor >= 11 ? at->code_qualname : at->code_name), function,
		sizeof(function));
	text_of(word_at(code, at->code_filename), file, sizeof(file));
	return python.host->frame(RGD_FRAME_PYTHON, function, file, (uint32_t)line) + 1;
}

/* None, where 3.13 has no code to show, has nothing at these offsets. */
static bool is_code(uintptr_t code)
{
	return code && (python.minor < 13 || type_of(code) == python.type_code);
}

static __attribute__((noinline)) void learn_place(struct place_row *row, uintptr_t code,
						  int instruction)
{
	*row = (struct place_row){code,
				  word_at(code, hot.name),
				  word_at(code, hot.file),
				  instruction,
				  half_at(code, hot.first_line),
				  name_place(code, instruction),
				  0};
}

/* The row of the frame's place; NULL when there is nothing to show. */
static inline __attribute__((always_inline)) struct place_row *place_in(struct place_row *table,
									uintptr_t frame)
{
	if (!hot.object && unlikely(byte_at(frame, hot.owner) == OWNER_C_STACK))
		return NULL;
	uintptr_t code = word_at(frame, hot.code);
	if (unlikely(!is_code(code)))
		return NULL;
	int instruction = instruction_of(frame, code);
	struct place_row *row =
		&table[((uint32_t)(code >> 5) + (uint32_t)instruction * 19u) % PLACES];
	uintptr_t differs = (row->code ^ code) | (uint32_t)(row->instruction ^ instruction) |
			    (row->name ^ word_at(code, hot.name)) |
			    (row->file ^ word_at(code, hot.file)) |
			    (row->first_line ^ half_at(code, hot.first_line));
	if (unlikely(differs))
		learn_place(row, code, instruction);
	return row->frame ? row : NULL;
}

static inline __attribute__((always_inline)) struct place_row *place_of(uintptr_t frame)
{
	return place_in(places, frame);
}

static __attribute__((noinline)) uint32_t learn_stack(struct place_row *row)
{
	uint32_t number = row->frame - 1;
	return row->one_frame = python.host->stack(&number, 1);
}

static uint32_t innermost(uintptr_t frame)
{
	for (unsigned i = 0; frame && i < DEPTH_MAX; i++, frame = word_at(frame, hot.previous)) {
		struct place_row *row = place_of(frame);
		if (likely(row))
			return likely(row->one_frame) ? row->one_frame : learn_stack(row);
	}
	return 0;
}

/*
 * The whole stack. Most of it is the same as last time: the frames that are, seen from the outermost, keep the numbers that
 * their stacks had. What is new is looked up in a small table from (caller's stack, frame) before the shim is asked.
 */
struct level {
	uint32_t frame; /* host's number */
	uint32_t stack; /* of this frame and all its callers */
};
static struct level levels[DEPTH_MAX]; /* outermost first */
static size_t level_count;

#define STEPS 16384 /* direct-mapped */
static struct step {
	uint32_t caller, frame, stack;
} * steps;

/* frames[0] is the innermost. */
static uint32_t step_to(const uint32_t *frames, size_t n, uint32_t caller)
{
	uint32_t frame = frames[0];
	struct step *s = &steps[(caller * 0x9e3779b1u ^ frame * 0x85ebca6bu) >> 18];
	if (unlikely(s->caller != caller || s->frame != frame || !s->stack))
		*s = (struct step){caller, frame, python.host->stack(frames, n)};
	return s->stack;
}

static uint32_t whole(uintptr_t frame)
{
	uint32_t frames[DEPTH_MAX];
	size_t n = 0, most = python.host->stack_depth, same = 0;
	if (most > DEPTH_MAX)
		most = DEPTH_MAX;
	for (; frame && n < most; frame = word_at(frame, hot.previous)) {
		struct place_row *row = place_of(frame);
		if (likely(row))
			frames[n++] = row->frame - 1;
	}
	while (same < n && same < level_count && levels[same].frame == frames[n - 1 - same])
		same++;
	uint32_t stack = same ? levels[same - 1].stack : 0;
	for (; same < n; same++) {
		stack = step_to(&frames[n - 1 - same], same + 1, stack);
		if (unlikely(!stack)) /* not interned: the shim counted it */
			break;
		levels[same] = (struct level){frames[n - 1 - same], stack};
	}
	level_count = same;
	return stack;
}

static bool places_ready(void)
{
	static bool tried;
	if (likely(places))
		return true;
	if (!tried) {
		tried = true;
		hot_init();
		steps = python.host->memory(STEPS * sizeof(*steps));
		places = steps ? python.host->memory(PLACES * sizeof(*places)) : NULL;
	}
	return places;
}

static uintptr_t first_frame(uintptr_t tstate)
{
	uintptr_t frame = word_at(tstate, hot.first);
	if (frame && hot.second >= 0)
		frame = word_at(frame, hot.second);
	return frame;
}

/* Did the interpreter's loop begin with this frame? Its caller then runs in another one. */
static bool is_entry(uintptr_t frame)
{
	uintptr_t caller = word_at(frame, hot.previous);
	if (hot.object || !caller)
		return true;
	if (python.minor == 11) /* is_entry, the byte before owner */
		return byte_at(frame, hot.owner - 1);
	return byte_at(caller, hot.owner) == OWNER_C_STACK;
}

static size_t frames_in(struct place_row *table, uintptr_t tstate, struct python_run *runs,
			size_t most)
{
	size_t n = 0;
	for (uintptr_t frame = first_frame(tstate); frame && n < most;
	     frame = word_at(frame, hot.previous)) {
		struct place_row *row = place_in(table, frame);
		if (row)
			runs[n++] = (struct python_run){row->frame - 1, is_entry(frame)};
		else if (n) /* a frame that is not shown may have entered the loop */
			runs[n - 1].entry |=
				hot.object || byte_at(frame, hot.owner) == OWNER_C_STACK;
	}
	return n;
}

/* A thread's own frames stay as they are while it runs no Python, but the table of places belongs to the holder of the lock. */
static size_t frames_unlocked(uintptr_t tstate, struct python_run *runs, size_t most)
{
	static struct place_row *table;
	static bool busy;
	size_t n = 0;
	if (__atomic_test_and_set(&busy, __ATOMIC_ACQUIRE))
		return 0;
	if (!table)
		table = python.host->memory(PLACES * sizeof(*table));
	if (table)
		n = frames_in(table, tstate, runs, most);
	__atomic_clear(&busy, __ATOMIC_RELEASE);
	return n;
}

size_t stacks_frames(struct python_run *runs, size_t most)
{
	uintptr_t holder = python.api.thread_state(), own = python.api.gil_thread_state();
	bool locked = holder && (holder == own || python.minor >= 12 /* of this thread */);
	if (unlikely(!places_ready()))
		return 0;
	if (locked)
		return frames_in(places, holder, runs, most);
	return own ? frames_unlocked(own, runs, most) : 0;
}

uint32_t stacks_here(void)
{
	uintptr_t tstate = python.api.thread_state();
	if (unlikely(!tstate) || unlikely(!places_ready()))
		return 0;
	uintptr_t frame = first_frame(tstate);
	return python.host->python_stacks == 1 ? innermost(frame) : whole(frame);
}
