/* unwind_turn.c - a library that comes in two forms to the same addresses: other frames, other calls. See unwind_stacks.c. */
#define NO_TAIL __asm__ volatile("" ::: "memory")

void turn_call(void (*function)(void), int n);
#ifdef SECOND
static __attribute__((noinline)) void other(void (*function)(void), int n)
{
	volatile char room[200];
	room[n] = 1;
	function();
	NO_TAIL;
}

void turn_call(void (*function)(void), int n)
{
	other(function, n);
	NO_TAIL;
}
#else
void turn_call(void (*function)(void), int n)
{
	volatile char room[1000];
	room[n] = 1;
	function();
	NO_TAIL;
}
#endif
