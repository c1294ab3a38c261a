/*
 * control_page.c - the one file through which the tool finds this process and talks to it (struct rgd_control).
 *
 * It is made when the program starts, mapped, and its descriptor closed: from then on the program may close every
 * descriptor, change its root or lose the right to open anything. Where it cannot be made, private memory takes its place: the
 * triggers still work, the tool just does not see the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "glue.h"
#include "snapshot.h"

struct rgd_control *control_page;

static struct rgd_control no_page; /* where no memory can be had either */
static char page_file[160];
static uint32_t page_user;
static uint32_t lost;

#define PAGE_SIZE 8192u
_Static_assert(sizeof(struct rgd_control) <= PAGE_SIZE, "the file holds one");

uint32_t control_pages_lost(void)
{
	return lost;
}

/* ---- facts about this process ------------------------------------------------------------------------------------------- */

static uint64_t decimal(const char *p)
{
	uint64_t n = 0;
	for (; *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	return n;
}

/* Field 22 of /proc/self/stat; the name in field 2 may hold blanks and parentheses. */
static uint64_t start_time(void)
{
	char text[1024], *p;
	if (sys_read_file("/proc/self/stat", text, sizeof text) <= 0 || !(p = strrchr(text, ')')))
		return 0;
	for (unsigned field = 2; field < 22 && p; field++)
		p = (p = strchr(p, ' ')) ? p + 1 : NULL;
	return p ? decimal(p) : 0;
}

static uint64_t pid_namespace(void)
{
	char text[64];
	long n = sys(SYS_readlinkat, AT_FDCWD, "/proc/self/ns/pid", text, sizeof text - 1);
	char *p;
	text[n > 0 ? n : 0] = 0;
	p = strchr(text, '[');
	return p ? decimal(p + 1) : 0;
}

static void page_fill(struct rgd_control *page, uint64_t start)
{
	long n = sys(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", page->program,
		     sizeof page->program - 1);
	page->program[n > 0 ? n : 0] = 0;
	page->version = RGC_VERSION;
	page->size = sizeof *page;
	page->pid = glue_pid();
	page->parent_pid = (uint32_t)sys(SYS_getppid);
	page->start_time = start;
	page->pid_namespace = pid_namespace();
	page->process_key = control_process_key();
	page->epoch = atomic_load_explicit(&epoch_now, memory_order_relaxed);
	page->tracking = atomic_load_explicit(&stacks_mode, memory_order_relaxed) + 1;
	page->state = RGC_STARTING;
	/* last: a reader takes the file for a page from here on */
	__atomic_store_n(&page->magic, RGC_MAGIC, __ATOMIC_RELEASE);
}

/* ---- the file ---------------------------------------------------------------------------------------------------------------- */

/* A folder of ours alone: not a link, not another user's, nobody else may enter. */
static bool folder_make(const char *path)
{
	struct stat st;
	long made = sys(SYS_mkdirat, AT_FDCWD, path, 0700);
	if (!made)
		sys(SYS_fchmodat, AT_FDCWD, path, 0700); /* a umask may have taken our own rights */
	if (made && made != -EEXIST)
		return false;
	if (sys(SYS_newfstatat, AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return S_ISDIR(st.st_mode) && st.st_uid == page_user && !(st.st_mode & 077);
}

static long file_create(void)
{
	long fd = sys(SYS_openat, AT_FDCWD, page_file,
		      O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd != -EEXIST)
		return fd;
	/* this process before it replaced itself by exec, or a process of another pid namespace that shares the folder
	 * and started in the same tick: that one can still be asked through its mapping, but not be found */
	sys(SYS_unlinkat, AT_FDCWD, page_file, 0);
	return sys(SYS_openat, AT_FDCWD, page_file,
		   O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* Beyond RLIMIT_FSIZE the kernel would send SIGXFSZ; beyond the space of the file system, SIGBUS when we write. */
static bool file_reserve(long fd)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
	long status;
	sys(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, &limit);
	if (limit.rlim_cur < PAGE_SIZE)
		return false;
	status = sys(SYS_fallocate, fd, 0, 0L, (long)PAGE_SIZE);
	if (status == -EOPNOTSUPP)
		status = sys(SYS_ftruncate, fd, (long)PAGE_SIZE);
	return !status;
}

static struct rgd_control *file_map(const char *folder_format, uint64_t start)
{
	char folder[64];
	long fd, p = -ENOMEM;

	log_format(folder, sizeof folder, folder_format, page_user);
	if (!folder_make(folder))
		return NULL;
	log_format(page_file, sizeof page_file, "%s/%u-%lu", folder, glue_pid(),
		   (unsigned long)start);
	fd = file_create();
	if (fd < 0) {
		page_file[0] = 0;
		return NULL;
	}
	if (file_reserve(fd))
		p = sys(SYS_mmap, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	sys(SYS_close, fd);
	if (p < 0 && p > -4096) {
		sys(SYS_unlinkat, AT_FDCWD, page_file, 0);
		page_file[0] = 0;
		return NULL;
	}
	return (struct rgd_control *)p;
}

static struct rgd_control *private_page(void)
{
	long p = sys(SYS_mmap, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	lost++;
	return p < 0 && p > -4096 ? &no_page : (struct rgd_control *)p;
}

void control_page_make(void)
{
	uint64_t start = start_time();
	struct rgd_control *page;

	page_user = (uint32_t)sys(SYS_geteuid);
	page = file_map(RGC_DIR, start);
	if (!page)
		page = file_map(RGC_DIR_FALLBACK, start);
	if (!page)
		page = private_page();
	page_fill(page, start);
	if (!page_file[0])
		page->state = RGC_OFF;
	control_page = page;
}

void control_page_remove(void)
{
	if (page_file[0])
		sys(SYS_unlinkat, AT_FDCWD, page_file, 0);
	page_file[0] = 0;
}

void control_page_forget(void)
{
	if (control_page && control_page != &no_page)
		sys(SYS_munmap, control_page, PAGE_SIZE);
	control_page = NULL;
	page_file[0] = 0;
}

/* After setuid the old folder is not ours any more. The old file may stay behind; without its magic it is no page. */
void control_page_check_user(void)
{
	struct rgd_control *old = control_page;
	if (!old || page_user == (uint32_t)sys(SYS_geteuid))
		return;
	old->magic = 0;
	control_page_remove();
	control_page_make();
	if (old != &no_page)
		sys(SYS_munmap, old, PAGE_SIZE);
}

/* A page that nobody can see stays off. */
void control_page_state(enum rgc_state state)
{
	if (control_page && page_file[0])
		__atomic_store_n(&control_page->state, (uint32_t)state, __ATOMIC_RELEASE);
}
