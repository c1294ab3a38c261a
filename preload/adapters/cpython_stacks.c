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
	int instruction;
	uint32_t first_line;
	uint32_t frame;     /* host's number + 1; 0 = no frame to show (line unknown) */
	uint32_t one_frame; /* host's number of the stack of this frame alone, 0 not asked yet */
};
static struct place_row *places;

static int instruction_of(uintptr_t frame, uintptr_t code)
{
	const struct layout *at = python.at;
	if (python.minor >= 11)
		return (int)(word_at(frame, at->iframe_instruction) - code) - at->code_adaptive;
	int last = (int)half_at(frame, at->frame_lasti);
	return python.minor == 10 ? last * 2 : last;
}

static uint32_t name_place(uintptr_t code, int instruction)
{
	char function[256], file[1024];
	const struct layout *at = python.at;
	int line = python.api.line_of(code, instruction);
	if (line <= 0)
		return 0;
	text_of(word_at(code, python.minor >= 11 ? at->code_qualname : at->code_name), function, sizeof(function));
	text_of(word_at(code, at->code_filename), file, sizeof(file));
	return python.host->frame(RGD_FRAME_PYTHON, function, file, (uint32_t)line) + 1;
}

/* The row of the frame's place; NULL when its code cannot be read. */
static inline struct place_row *place_of(uintptr_t frame)
{
	const struct layout *at = python.at;
	uintptr_t code = frame_code(frame);
	if (unlikely(!code))
		return NULL;
	int instruction = instruction_of(frame, code);
	uint64_t hash = ((uint64_t)code >> 4 ^ (uint64_t)(uint32_t)instruction << 20) * 0x9e3779b97f4a7c15ull;
	struct place_row *row = &places[hash >> 51];
	uintptr_t name = word_at(code, at->code_name), file = word_at(code, at->code_filename);
	uint32_t first_line = half_at(code, at->code_firstlineno);
	if (likely(row->code == code && row->instruction == instruction && row->name == name && row->file == file &&
		   row->first_line == first_line))
		return row;
	*row = (struct place_row){code, name, file, instruction, first_line, name_place(code, instruction), 0};
	return row;
}

static bool shown(uintptr_t frame)
{
	return python.minor < 11 || frame_owner(frame) != OWNER_C_STACK;
}

static uint32_t innermost(uintptr_t frame)
{
	for (unsigned i = 0; frame && i < DEPTH_MAX; i++, frame = frame_caller(frame)) {
		struct place_row *row = shown(frame) ? place_of(frame) : NULL;
		if (!row || !row->frame)
			continue;
		if (unlikely(!row->one_frame)) {
			uint32_t number = row->frame - 1;
			row->one_frame = python.host->stack(&number, 1);
		}
		return row->one_frame;
	}
	return 0;
}

static uint32_t whole(uintptr_t frame)
{
	uint32_t frames[DEPTH_MAX];
	size_t n = 0, most = python.host->stack_depth;
	if (most > DEPTH_MAX)
		most = DEPTH_MAX;
	for (; frame && n < most; frame = frame_caller(frame)) {
		struct place_row *row = shown(frame) ? place_of(frame) : NULL;
		if (row && row->frame)
			frames[n++] = row->frame - 1;
	}
	return n ? python.host->stack(frames, n) : 0;
}

uint32_t stacks_here(void)
{
	static bool tried;
	uintptr_t tstate = python.api.thread_state();
	uintptr_t frame = tstate ? frame_of_thread(tstate) : 0;
	if (!frame)
		return 0;
	if (unlikely(!places)) {
		if (!tried)
			places = python.host->memory(PLACES * sizeof(*places));
		tried = true;
		if (!places)
			return 0;
	}
	return python.host->python_stacks == 1 ? innermost(frame) : whole(frame);
}
