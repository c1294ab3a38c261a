/*
 * cases.cc - ways to lose memory, or not to, one function each; tests/cli/leaks_memcheck.py asks memcheck and refgraph about
 * each function's blocks. It writes nothing and uses no stdio, so that every block is a case's own.
 */
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <pthread.h>
#include <semaphore.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#define CASE extern "C" __attribute__((noinline, noclone, used)) void
#define KEEP __attribute__((used)) static

struct node {
	node *next;
	long pad[6];
};

/* A block whose address the compiler may not forget. */
template <typename T = node> static inline __attribute__((always_inline)) T *block(size_t size = sizeof(T))
{
	void *p = malloc(size);

	__asm__ volatile("" : "+r"(p)::"memory");
	memset(p, 0, size);
	return static_cast<T *>(p);
}

/* ---- the nine chains of memcheck's manual: root, A, B --------------------------------------------------------------------- */

KEEP void *chain_root[10];

CASE case_chain1(void) { chain_root[1] = block(); }
CASE case_chain2(void) { node *a = block(100); a->next = block(200); chain_root[2] = a; }
CASE case_chain3(void) { block(); }
CASE case_chain4(void) { node *a = block(100); a->next = block(200); }
CASE case_chain5(void) { chain_root[5] = block<char>(100) + 16; }
CASE case_chain6(void) { node *a = block(100); a->next = (node *)(block<char>(200) + 8); chain_root[6] = a; }
CASE case_chain7(void) { node *a = block(100); a->next = block(200); chain_root[7] = (char *)a + 24; }
CASE case_chain8(void) { node *a = block(100); a->next = (node *)(block<char>(200) + 32); chain_root[8] = (char *)a + 24; }
CASE case_chain9(void) { node *a = block(100); a->next = (node *)(block<char>(200) + 32); }

/* ---- shapes --------------------------------------------------------------------------------------------------------------- */

CASE case_self_loop(void) { node *a = block(); a->next = a; }
CASE case_pair(void) { node *a = block(), *b = block(); a->next = b; b->next = a; }
CASE case_ring(void)
{
	node *first = block(), *last = first;

	for (int i = 0; i < 99; i++)
		last = last->next = block();
	last->next = first;
}
CASE case_ring_with_tail(void)
{
	node *a = block(), *b = block(), *c = block(), *d = block();

	a->next = b, b->next = a;
	b->pad[0] = (long)c;
	c->next = d;
}
CASE case_list_into_ring(void)
{
	node *list = block(), *a = block(), *b = block();

	list->next = a, a->next = b, b->next = a;
}
CASE case_clique(void)
{
	node *n[6];

	for (int i = 0; i < 6; i++)
		n[i] = block();
	for (int i = 0; i < 6; i++)
		for (int k = 0; k < 6; k++)
			if (i != k)
				n[i]->pad[k] = (long)n[k];
}
CASE case_shared(void) { node *a = block(96), *b = block(80), *c = block(); a->next = b->next = c; }
CASE case_lost_list(void)
{
	node *head = nullptr;

	for (int i = 0; i < 1000; i++) {
		node *n = block();
		n->next = head;
		head = n;
	}
}
KEEP node *kept_list;
CASE case_kept_list(void)
{
	for (int i = 0; i < 50; i++) {
		node *n = block();
		n->next = kept_list;
		kept_list = n;
	}
}
KEEP node *cut_list;
CASE case_cut_list(void)
{
	for (int i = 0; i < 10; i++) {
		node *n = block();
		n->next = cut_list;
		cut_list = n;
	}
	cut_list->next->next = nullptr;
}
CASE case_tree(void)
{
	node *n[15];

	for (int i = 0; i < 15; i++)
		n[i] = block();
	for (int i = 0; i < 7; i++) {
		n[i]->pad[0] = (long)n[2 * i + 1];
		n[i]->pad[1] = (long)n[2 * i + 2];
	}
}

/* ---- pointers that are none ----------------------------------------------------------------------------------------------- */

KEEP uintptr_t hidden_root, past_root;
KEEP char unaligned_root[24];
CASE case_xored(void) { hidden_root = (uintptr_t)block() ^ 0x5555555555555555ull; }
CASE case_one_past(void) { past_root = (uintptr_t)block(48) + 48; }
CASE case_unaligned_global(void) { void *p = block(); memcpy(unaligned_root + 4, &p, sizeof p); }
CASE case_held_by_freed(void)
{
	node *a = block(72);

	a->next = block();
	free(a);
}
CASE case_overwritten(void) { chain_root[0] = block(40); chain_root[0] = block(56); }

/* ---- kinds of memory ------------------------------------------------------------------------------------------------------ */

CASE case_zero_size(void) { block<char>(0); }
KEEP char *zero_root;
CASE case_zero_size_kept(void) { zero_root = block<char>(0); }
CASE case_huge(void) { block<char>(3 << 20); }
KEEP char *huge_root;
CASE case_huge_inside(void) { huge_root = block<char>(2 << 20) + 12345 * 8; }
CASE case_aligned(void)
{
	void *p;

	if (posix_memalign(&p, 512, 1000) == 0)
		memset(p, 0, 1000);
}
CASE case_calloc(void)
{
	void *p = calloc(25, 40);

	__asm__ volatile("" : "+r"(p)::"memory");
}
CASE case_realloc(void)
{
	char *p = block<char>(10);

	for (size_t n = 20; n < 5000; n *= 2) {
		p = (char *)realloc(p, n);
		memset(p, 0, n);
	}
}
KEEP node *realloc_root;
CASE case_realloc_moves(void)
{
	realloc_root = block(32);
	realloc_root->next = block();
	block<char>(64); /* in the way */
	realloc_root = (node *)realloc(realloc_root, 100000);
}
CASE case_strdup(void)
{
	char *p = strdup("a string that nobody frees");

	__asm__ volatile("" : "+r"(p)::"memory");
}

/* ---- roots ---------------------------------------------------------------------------------------------------------------- */

CASE case_static_local(void)
{
	static node *held;

	held = block();
	__asm__ volatile("" ::"m"(held));
}
static thread_local node *tls_root;
CASE case_tls(void) { tls_root = block(); __asm__ volatile("" ::"m"(tls_root)); }
CASE case_mapped_root(void)
{
	void **map = (void **)mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	map[100] = block();
}
CASE case_unmapped_root(void)
{
	void **map = (void **)mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	map[100] = block();
	munmap(map, 8192);
}
KEEP struct {
	char before[4000];
	node *held;
} big_root;
CASE case_deep_in_data(void) { big_root.held = block(); }
static pthread_key_t key;
CASE case_thread_specific(void)
{
	pthread_key_create(&key, nullptr);
	pthread_setspecific(key, block());
}

/* ---- threads -------------------------------------------------------------------------------------------------------------- */

static sem_t started, never;
CASE case_stack_of_thread(void)
{
	node *volatile held[4] = {};

	held[2] = block();
	sem_post(&started);
	while (sem_wait(&never))
		;
	held[3] = held[2];
}
static void *blocked(void *) { case_stack_of_thread(); return nullptr; }
CASE case_ended_thread(void) { tls_root = block(); }
static void *ends(void *) { case_ended_thread(); return nullptr; }

/* ---- C++ ------------------------------------------------------------------------------------------------------------------ */

struct one { virtual ~one() {} long a = 1; };
struct two { virtual ~two() {} long b = 2; };
struct both : one, two { long c[4] = {}; };
struct with_destructor { ~with_destructor() { __asm__ volatile(""); } long v[3] = {}; };

template <typename T> static inline __attribute__((always_inline)) T *opaque(T *p)
{
	__asm__ volatile("" : "+r"(p)::"memory");
	return p;
}

KEEP two *base_root;
KEEP with_destructor *array_root;
KEEP std::vector<int> *vector_root;
KEEP std::map<int, std::string> *map_root;
KEEP std::shared_ptr<both> *shared_root;
CASE case_new(void) { opaque(new both); }
CASE case_new_array(void) { opaque(new long[40]()); }
CASE case_second_base(void) { base_root = opaque(new both); }
CASE case_array_cookie(void) { array_root = opaque(new with_destructor[5]); }
CASE case_vector(void) { vector_root = opaque(new std::vector<int>(1000, 7)); }
CASE case_lost_vector(void) { opaque(new std::vector<int>(1000, 7)); }
CASE case_map(void)
{
	map_root = opaque(new std::map<int, std::string>);
	for (int i = 0; i < 20; i++)
		(*map_root)[i] = "a string that is too long for its own object";
}
CASE case_lost_map(void)
{
	auto *m = opaque(new std::map<int, std::string>);

	for (int i = 0; i < 20; i++)
		(*m)[i] = "a string that is too long for its own object";
}
CASE case_shared_ptr(void) { shared_root = opaque(new std::shared_ptr<both>(std::make_shared<both>())); }
struct peer { std::shared_ptr<peer> other; long pad[2] = {}; };
CASE case_shared_cycle(void)
{
	auto a = std::make_shared<peer>(), b = std::make_shared<peer>();

	a->other = b;
	b->other = a;
}

/* What a case left on the stack is written over. */
static __attribute__((noinline)) void scrub(void)
{
	volatile char room[16384];

	for (size_t i = 0; i < sizeof room; i++)
		room[i] = 0;
	__asm__ volatile("xor %%eax, %%eax\n xor %%ecx, %%ecx\n xor %%edx, %%edx\n xor %%esi, %%esi\n xor %%edi, %%edi\n"
			 "xor %%r8d, %%r8d\n xor %%r9d, %%r9d\n xor %%r10d, %%r10d\n xor %%r11d, %%r11d" ::
				 : "eax", "ecx", "edx", "esi", "edi", "r8", "r9", "r10", "r11", "rbx", "r12", "r13", "r14", "r15");
}

int main()
{
	static void (*const cases[])(void) = {
		case_chain1,	     case_chain2,	case_chain3,	     case_chain4,	   case_chain5,
		case_chain6,	     case_chain7,	case_chain8,	     case_chain9,	   case_self_loop,
		case_pair,	     case_ring,		case_ring_with_tail, case_list_into_ring,  case_clique,
		case_shared,	     case_lost_list,	case_kept_list,	     case_cut_list,	   case_tree,
		case_xored,	     case_one_past,	case_unaligned_global, case_held_by_freed, case_overwritten,
		case_zero_size,	     case_zero_size_kept, case_huge,	     case_huge_inside,	   case_aligned,
		case_calloc,	     case_realloc,	case_realloc_moves,  case_strdup,	   case_static_local,
		case_tls,	     case_mapped_root,	case_unmapped_root,  case_deep_in_data,	   case_thread_specific,
		case_new,	     case_new_array,	case_second_base,    case_array_cookie,	   case_vector,
		case_lost_vector,    case_map,		case_lost_map,	     case_shared_ptr,	   case_shared_cycle,
	};
	pthread_t thread;

	sem_init(&started, 0, 0);
	sem_init(&never, 0, 0);
	for (auto f : cases) {
		f();
		scrub();
	}
	pthread_create(&thread, nullptr, ends, nullptr);
	pthread_join(thread, nullptr);
	pthread_create(&thread, nullptr, blocked, nullptr);
	sem_wait(&started);
	usleep(50000);
	scrub();
	exit(0);
}
